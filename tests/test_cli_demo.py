"""The demonstration, small: its figures, its comparison with the golden model, its report."""

import json
import re
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from boards.build import BuildError, BuildReport
from ganglion import preset
from ganglion.backends.sim import SimulationBackend
from ganglion.cli import main
from ganglion.demo import CONFIG, Comparison, run_demo, vote
from ganglion.device_matches import Matches
from ganglion.digits import load_digits
from ganglion.report import Page, figures

SMALL = {"config": preset("tiny"), "n_base": 120, "n_queries": 30}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small demonstration without bitstream."""
    return run_demo(tmp_path_factory.mktemp("demo") / "new" / "folder", quick=True, **SMALL)


def test_figures_of_the_demo(small):
    assert small.mismatches == 0
    # 120 insert cycle counts; keys, distances of 30 x 10 and counts, cycles of 30, twice; 4 cores of 32 nodes.
    assert small.compared == 120 + 2 * (2 * 300 + 2 * 30) + 4 + 128 * (16 + 3)
    assert small.recall_at_1 == small.recall_at_10 == 1.0
    assert small.beam_recall_at_10 >= 0.97
    assert 0.5 < small.accuracy <= 1
    assert (small.n_base, small.n_queries) == (120, 30)
    assert small.cycles_per_second > 0
    assert small.recall_by_k["exact"] == [1.0] * 16
    assert list(small.cycles_by_lanes["exact"]) == [1, 2, 4, 8, 16]
    assert small.cycles_by_lanes["exact"][4] == small.exact_cycles_per_query
    assert small.cycles_by_lanes["beam"][4] == small.beam_cycles_per_query
    assert small.build is None
    values = json.loads(json.dumps(small.as_dict(), allow_nan=False))
    assert {"recall_at_1", "recall_at_10", "accuracy", "mismatches", "report"} <= set(values)
    assert values["gates"]["total_gates"] > 0


class Links(HTMLParser):
    """Collects what a page would load, and whether its tags are closed."""

    def __init__(self):
        super().__init__()
        self.loads, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.loads += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def check_page(text):
    parser = Links()
    parser.feed(text)
    assert not parser.open
    assert parser.loads
    assert all(link.startswith("data:image/svg+xml;base64,") for link in parser.loads)
    assert not re.search(r"@import|url\(", text)
    return parser


def test_the_report_holds_everything_itself(small):
    text = small.report.read_text()
    assert len(check_page(text).loads) == 5
    assert "0 mismatches" in re.sub("<[^>]+>", " ", text).replace("  ", " ")
    assert f"{small.gates.total_gates:,.0f}" in text


def test_a_bitstream_goes_into_tables_object_and_report(tmp_path, monkeypatch, capsys):
    """The build is that of the board's own tests; here it is told what to answer."""

    def told(board, out_dir, *, progress):
        progress(f"building {board}")
        used = {"lc": 5000, "lc_total": 5280, "spram": 4, "spram_total": 4, "ebr": 29, "ebr_total": 30}
        rest = {"dsp": 7, "dsp_total": 8, "fmax_mhz": 25.125, "target_mhz": 24.0, "seed": 3, "seconds": 9.5}
        return BuildReport(board=board, bitstream=out_dir / "b<1>.bin", cores=128, vectors=4096, **used, **rest)

    monkeypatch.setattr("boards.build.build", told)
    result = run_demo(tmp_path, **SMALL)
    text = result.report.read_text()
    assert len(check_page(text).loads) == 6
    assert "25.1 MHz" in text
    assert "b&lt;1&gt;.bin" in text
    assert result.build == asdict(told("icebreaker", tmp_path / "icebreaker", progress=print)) | {
        "bitstream": str(tmp_path / "icebreaker" / "b<1>.bin")
    }
    json.dumps(result.as_dict(), allow_nan=False)
    capsys.readouterr()
    monkeypatch.setattr("ganglion.demo.run_demo", lambda out, **options: result)
    assert main(["demo"]) == 0
    assert "fmax mhz" in capsys.readouterr().out
    assert main(["build", "icebreaker", "--out", str(tmp_path / "i"), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert {"bitstream", "cores", "fmax_mhz", "lc", "spram", "ebr", "dsp"} <= set(made)


def test_a_build_that_fails_is_told(tmp_path, monkeypatch, capsys):
    def fails(board, out_dir, *, progress):
        raise BuildError(f"{board}: nextpnr reaches 7.00 MHz, the design needs 24 MHz")

    monkeypatch.setattr("boards.build.build", fails)
    assert main(["build", "icebreaker", "--out", str(tmp_path / "i"), "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "nextpnr reaches 7.00 MHz" in err
    assert not (tmp_path / "i").exists()
    # The demonstration writes what it has.
    with pytest.raises(BuildError):
        run_demo(tmp_path, **SMALL)
    assert len(check_page((tmp_path / "demo.html").read_text()).loads) == 5


def test_differences_are_counted():
    check = Comparison()
    check.check(np.array([1.0, np.nan, 3.0]), np.array([1.0, np.nan, 4.0]))
    assert (check.compared, check.mismatches) == (3, 1)
    check.check(np.zeros((2, 2), int), np.zeros(3, int))
    assert (check.compared, check.mismatches) == (7, 5)
    check.check(np.array([np.nan]), np.array([1.0]))
    assert check.mismatches == 6


def test_one_wrong_cycle_count_fails_the_demo(tmp_path, monkeypatch, capsys):
    honest = SimulationBackend.insert

    def late(self, cores, vectors):
        indices, cycles = honest(self, cores, vectors)
        cycles[17] += 1
        return indices, cycles

    monkeypatch.setattr(SimulationBackend, "insert", late)
    monkeypatch.setattr("ganglion.demo.run_demo", lambda out, **options: run_demo(out, **{**options, **SMALL}))
    status = main(["demo", "--quick", "--json", "--out", str(tmp_path)])
    out, err = capsys.readouterr()
    assert status == 1
    assert json.loads(out)["mismatches"] == 1
    assert "1 results or cycle counts differ from the golden model" in err


def test_the_verb_prints_tables(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("ganglion.demo.run_demo", lambda out, **options: small)
    assert main(["demo", "--quick", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    for words in ("recall@1, recall@10, exact", "cycles a query", "simulated cycles a second", "distance", "demo.html"):
        assert words in out


def test_nothing_but_the_report_is_left(small):
    assert [path.name for path in small.report.parent.iterdir()] == ["demo.html"]


def test_a_report_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").touch()
    status = main(["demo", "--quick", "--out", str(tmp_path / "file" / "below")])
    out, err = capsys.readouterr()
    assert status == 2
    assert out == ""
    assert "file" in err
    assert "Not a directory" in err


def test_votes():
    labels = np.array([0, 1, 1, 2, 2, 2])
    keys = np.array([[0, 1, 2, 3, 0, 0, 0, 0, 0, 0], [0, 1, 3, 0, 0, 0, 0, 0, 0, 0], [3, 1, 2, 4, 0, 0, 0, 0, 0, 0]])
    counts = np.array([4, 3, 4])
    found = Matches(keys.astype(np.uint64), np.zeros(keys.shape), counts, counts, counts > 9)
    # Most; of equals the nearest one's.
    assert vote(found, labels).tolist() == [1, 0, 2]


def test_digits_are_pooled_images():
    digits = load_digits()
    assert digits.vectors.shape == (1797, 16)
    assert digits.vectors[5, 0] == digits.images[5, :2, :2].mean()
    assert digits.vectors[5, 7] == digits.images[5, 2:4, 6:].mean()
    assert CONFIG.capacity >= 1797 > (CONFIG.cores - 1) * 32


@pytest.mark.parametrize("name", ["tiny", "up5k", "array256", "folded256", "ecp5"])
def test_floor_plans_of_any_array(name):
    config = preset(name)
    fill = np.arange(config.cores) % 33
    picture = figures.floor_plan(config, fill)
    assert picture.count("<svg") == 1
    assert picture == figures.floor_plan(config, fill)
    # A patch a core and a frame a slice, besides the picture's own.
    bare = figures.floor_plan(preset("core"), np.array([5])).count('<g id="patch_')
    assert picture.count('<g id="patch_') - bare == config.cores + config.slices - 2


def test_pages_escape_their_texts():
    page = Page("a < b", "c & d")
    page.table(("<x>",), [("<y>",)])
    page.text("<script>")
    html = page.html()
    assert "<script>" not in html
    assert "a &lt; b" in html
    assert "<td>&lt;y&gt;</td>" in html
    assert Path(__file__).name not in html
