"""The verb raster: figures, pictures, and what bad descriptions get."""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from ganglion.cli import main
from ganglion.raster import DescriptionError, load_description, read_description, run_network
from ganglion.report.raster_figure import raster_svg

MODELS = ("golden", "float32")
TWENTY = {"source": "random", "count": 20, "dims": 4, "clusters": 4, "seed": 3}


def described(**values):
    return read_description(values, "x.toml", Path())


def run(capsys, *arguments):
    """Exit status, standard output and standard error of a command line."""
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


SMALL = """ticks = 60
gain = 0.2
[vectors]
source = "file"
file = "rows.csv"
[record]
traces = ["membrane", "threshold", "rate", "weight"]
[tick]
learn = true
homeostasis = true
[[input]]
kind = "poisson"
rate = 0.4
current = 0.4
[[input]]
kind = "search"
name = "look"
query = [1, 2.5]
gain = 0.5
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder with a description and its vectors, made the current one."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(4)
    lines = [",".join(f"{v:.3f}" for v in row) for row in rng.normal(size=(9, 2))]
    Path("rows.csv").write_text("# two numbers a line\n\n" + "\n".join(lines) + "\n")
    Path("net.toml").write_text(SMALL)
    return tmp_path


@pytest.mark.parametrize("engine", MODELS)
def test_json_holds_the_figures(small, capsys, engine):
    status, out, err = run(capsys, "raster", "net.toml", "--engine", engine, "--json")
    assert status == 0
    assert "running 60 ticks of 9 neurons" in err
    assert out.count("\n") == 1
    facts = json.loads(out)
    assert (facts["engine"], facts["ticks"], facts["neurons"], facts["contexts"]) == (engine, 60, 9, 1)
    assert facts["spikes"] == round(sum(facts["rates"]) * 60) > 0
    assert facts["least_rate"] == min(facts["rates"])
    assert facts["most_rate"] == max(facts["rates"])
    assert facts["seconds"] > 0
    assert sorted(path.name for path in small.iterdir()) == ["net.toml", "rows.csv"]


def test_a_table_without_json(small, capsys):
    status, out, _err = run(capsys, "raster", "net.toml")
    assert status == 0
    assert re.search(r"spikes\s+│\s+\d+", out)


def test_pictures_and_pages(small, capsys):
    for suffix in ("png", "svg", "html"):
        status, out, _err = run(capsys, "raster", "net.toml", "-o", f"out.{suffix}", "--json")
        assert status == 0
        assert json.loads(out)["output"] == f"out.{suffix}"
    assert Path("out.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert "<svg" in Path("out.svg").read_text()
    page = Path("out.html").read_text()
    assert page.count("data:image/svg+xml;base64,") == 1
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert "net.toml" in page
    assert sorted(path.name for path in small.iterdir()) == [
        "net.toml",
        "out.html",
        "out.png",
        "out.svg",
        "rows.csv",
    ]


def test_the_same_run_gives_the_same_picture(small):
    d = load_description(Path("net.toml"))
    assert raster_svg(run_network(d)) == raster_svg(run_network(d))


@pytest.mark.parametrize("recorded", [[], [4], "all"])
@pytest.mark.parametrize("traces", [[], ["threshold"], ["membrane", "threshold", "rate", "weight"]])
def test_any_choice_of_traces_can_be_drawn(recorded, traces):
    d = described(ticks=3, vectors=TWENTY, record={"neurons": recorded, "traces": traces})
    assert raster_svg(run_network(d)).count("<svg") == 1


def test_json_and_toml_say_the_same(small, capsys):
    Path("net.json").write_text(json.dumps(tomllib.loads(SMALL)))
    facts = [json.loads(run(capsys, "raster", f"net.{kind}", "--json")[1]) for kind in ("toml", "json")]
    assert facts[0]["rates"] == facts[1]["rates"]


def test_vectors_of_a_npy_file_and_of_another_folder(small, capsys):
    (small / "sub").mkdir()
    np.save(small / "sub" / "rows.npy", np.loadtxt("rows.csv", delimiter=","))
    (small / "sub" / "net.toml").write_text(SMALL.replace("rows.csv", "rows.npy"))
    facts = [json.loads(run(capsys, "raster", name, "--json")[1]) for name in ("net.toml", "sub/net.toml")]
    assert facts[0]["rates"] == facts[1]["rates"]


def test_a_mismatch_is_told(small, capsys, monkeypatch):
    from ganglion.raster.simulated import SimulatedNetwork

    honest = SimulatedNetwork._read_back

    def wrong(self, context):
        honest(self, context)
        if self.n_ticks == 5:
            self.states[context].rate[3] ^= 1

    monkeypatch.setattr(SimulatedNetwork, "_read_back", wrong)
    status, out, err = run(capsys, "raster", "net.toml", "--engine", "sim", "--json", "-o", "seen.html")
    assert status == 1
    facts = json.loads(out)
    assert facts["mismatches"] == 1
    assert re.match("tick 5, context 0, neuron 3: rate is [0-9]+ in the hardware, ", facts["first_mismatch"])
    assert "mismatch: tick 5, context 0, neuron 3: rate" in err
    assert "1</b><span>mismatches in" in Path("seen.html").read_text()


# ---------------------------------------------------------------- bad input


def change(old, new):
    """SMALL with a line changed."""
    assert SMALL.count(old) == 1
    return SMALL.replace(old, new)


BAD = {
    "dt zero": ("dt = 0\n" + SMALL, "net.toml: dt must be 1.5258789e-05 to 1000, got 0"),
    "dt negative": ("dt = -1.5\n" + SMALL, "net.toml: dt must be 1.5258789e-05 to 1000, got -1.5"),
    "dt huge": ("dt = 1e9\n" + SMALL, "dt must be 1.5258789e-05 to 1000, got 1000000000.0"),
    "dt nan": ("dt = nan\n" + SMALL, "net.toml: dt must be 1.5258789e-05 to 1000, got nan"),
    "dt text": ('dt = "1"\n' + SMALL, "net.toml: dt must be a number, got '1'"),
    "ticks": (change("ticks = 60", "ticks = 0"), "net.toml: ticks must be 1 to 100000, got 0"),
    "no ticks": (change("ticks = 60\n", ""), "net.toml: ticks is missing"),
    "ticks fraction": (change("ticks = 60", "ticks = 60.0"), "net.toml: ticks must be an integer, got 60.0"),
    "ticks true": (change("ticks = 60", "ticks = true"), "net.toml: ticks must be an integer, got True"),
    "gain": (change("gain = 0.2", "gain = 16"), "net.toml: gain must be -16 to 15.999878, got 16"),
    "unknown": ("tocks = 1\n" + SMALL, "net.toml: tocks is unknown; the keys here are title, ticks"),
    "unknown part": (change("learn = true", "learns = true"), "net.toml: tick.learns is unknown; the keys here are"),
    "part": (change("learn = true", "learn = 1"), "net.toml: tick.learn must be true or false, got 1"),
    "compete": (change("learn = true", 'compete = "yes"'), "tick.compete must be one of none, soft, hard, got 'yes'"),
    "metric": ('metric = "l1"\n' + SMALL, "net.toml: metric must be one of l2, cosine, dot, got 'l1'"),
    "contexts": ("contexts = 9\n" + SMALL, "net.toml: contexts must be 1 to 8, got 9"),
    "element width": ("element_width = 12\n" + SMALL, "net.toml: element_width must be 8 or 16, got 12"),
    "source": (change('source = "file"', 'source = "web"'), "vectors.source must be one of digits, random, file"),
    "missing file": (change("rows.csv", "none.csv"), "vectors.file none.csv: No such file or directory"),
    "folder": (change("rows.csv", "."), "vectors.file .: Is a directory"),
    "kind": (change('kind = "poisson"', 'kind = "noise"'), "input[0].kind must be one of current, poisson, search"),
    "neuron": (change("rate = 0.4", "rate = 0.4\nneurons = [2, 9]"), "input[0].neurons[1] must be 0 to 8, got 9"),
    "neuron twice": (change("rate = 0.4", "rate = 0.4\nneurons = [2, 2]"), "input[0].neurons[1] names 2 a second"),
    "branch": (change("rate = 0.4", "rate = 0.4\nbranch = 6"), "input[0].branch must be 0 to 5, got 6"),
    "rate": (change("rate = 0.4", "rate = -1"), "input[0].rate must be 0 to 1000, got -1"),
    "current": (change("current = 0.4", "current = 32"), "input[0].current must be -32 to 31.999999, got 32"),
    "current inf": (change("current = 0.4", "current = inf"), "input[0].current must be -32 to 31.999999, got inf"),
    "query": (change("[1, 2.5]", "[1, 2.5, 3]"), "input[1].query must be one number or a list of 2, got 3"),
    "query nan": (change("[1, 2.5]", "[1, nan]"), "input[1].query[1] must be -1e+15 to 1e+15, got nan"),
    "two queries": (change("query =", "row = 1\nquery ="), "input[1].query must be given once"),
    "digit": (change("query = [1, 2.5]", "digit = 1"), "input[1].digit needs vectors of source digits"),
    "row": (change("query = [1, 2.5]", "row = 9"), "input[1].row must be 0 to 8, got 9"),
    "k": (change("gain = 0.5", "gain = 0.5\nk = 17"), "input[1].k must be 1 to 16, got 17"),
    "from": (change("gain = 0.5", "gain = 0.5\nfrom = 60"), "input[1].from must be 0 to 59, got 60"),
    "until": (change("gain = 0.5", "gain = 0.5\nfrom = 9\nuntil = 9"), "input[1].until must be 10 to 60, got 9"),
    "at": (change("gain = 0.5", "gain = 0.5\nat = [-1]"), "input[1].at[0] must be 0 to 59, got -1"),
    "at and from": (change("gain = 0.5", "gain = 0.5\nat = 1\nfrom = 0"), "input[1].from is unknown"),
    "unit": (change("gain = 0.5", "gain = 0.5\nunit = 1e-9"), "input[1].unit 1e-09 is 0 steps of the stored"),
    "trace": (change('"rate", "weight"', '"rates"'), "record.traces[2] must be one of membrane, threshold, rate"),
    "trace twice": (change('"rate", "weight"', '"membrane"'), "each once, got 'membrane'"),
    "input": ("input = 3\n" + SMALL[: SMALL.index("[[")], "net.toml: input must be a list of tables, got 3"),
    "threshold": (SMALL + "[neurons]\nthreshold = 0\n", "neurons.threshold must be 0.1 to 10, got 0"),
    "weights": (SMALL + "[neurons]\nweight = [1, 2]\n", "neurons.weight must be one number or a list of 9, got 2"),
    "weight": (SMALL + "[neurons]\nweight = 1.5\n", "neurons.weight must be whole, got 1.5 for neuron 0"),
    "syntax": (SMALL + "[[\n", "net.toml: "),
    "key twice": (SMALL + "[tick]\n", "net.toml: "),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_descriptions_are_told(small, capsys, name):
    text, message = BAD[name]
    Path("net.toml").write_text(text)
    status, out, err = run(capsys, "raster", "net.toml", "-o", "out.html", "--json")
    assert status == 2
    assert out == ""
    assert message in err
    assert "Traceback" not in err
    assert err.count("ganglion: ") == 1
    assert sorted(path.name for path in small.iterdir()) == ["net.toml", "rows.csv"]


BAD_VECTORS = {
    "rows.csv": {
        "1,2\n3,x\n": "vectors.file rows.csv, line 2: 'x' is no number",
        "1,2\n\n3\n": "vectors.file rows.csv, line 3 has 1 numbers, those before it 2",
        "# nothing\n": "vectors.file rows.csv holds no numbers",
        "1,nan\n": "row 0, column 1 is nan",
        "1,1e20\n": "vectors.file rows.csv holds 1e+20; 1e+15 is the most",
        "1,2\n" * 33: "vectors.file rows.csv holds 33 vectors; 1 to 32 fit (contexts times 32)",
        ",".join("1" * 17): "must have shape (n, 1..16), not (1, 17)",
        b"\xff\xfe": "vectors.file rows.csv is no text",
    },
    "rows.npy": {
        b"": "vectors.file rows.npy",
        b"abc": "vectors.file rows.npy",
    },
}


@pytest.mark.parametrize(("name", "content"), [(name, each) for name, cases in BAD_VECTORS.items() for each in cases])
def test_bad_vectors_are_told(small, capsys, name, content):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    Path("net.toml").write_text(SMALL.replace("rows.csv", name))
    status, out, err = run(capsys, "raster", "net.toml")
    assert (status, out) == (2, "")
    assert BAD_VECTORS[name][content] in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "net.json must be a table of keys, got []"),
        ('{"ticks": 1, "ticks": 2}', "net.json: the key 'ticks' stands twice"),
        ('{"ticks": NaN, "vectors": {}}', "net.json: ticks must be an integer, got nan"),
        ("{", "net.json: Expecting property name"),
        ('{"ticks": 1' + "0" * 5000 + "}", "net.json: "),
        ("[" * 100_000, "net.json: "),
    ],
)
def test_bad_json_is_told(small, capsys, text, message):
    Path("net.json").write_text(text)
    status, out, err = run(capsys, "raster", "net.json")
    assert (status, out) == (2, "")
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.toml",), "none.toml: No such file or directory"),
        (("net.txt",), "net.txt: a description is a .toml or a .json file"),
        (("net.toml", "-o", "out.gif"), "--output out.gif: the name must end in .png, .html, .svg"),
        (("net.toml", "-o", "none/out.png"), "there is no folder none"),
        (("net.toml", "--engine", "board"), "unknown engine 'board'"),
    ],
)
def test_bad_arguments_are_told(small, capsys, arguments, message):
    status, out, err = run(capsys, "raster", *arguments)
    assert (status, out) == (2, "")
    assert message in err


def test_too_much_to_record():
    with pytest.raises(DescriptionError, match="are more than 67,108,864 values"):
        described(
            ticks=100_000,
            contexts=8,
            vectors=TWENTY | {"count": 256},
            record={"traces": ["membrane", "threshold", "rate"]},
        )
