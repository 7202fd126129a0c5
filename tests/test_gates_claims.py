"""The table of claims: its rows and sums, what it marks, the command, and that the documentation has reasons."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from amaranth.lib import wiring
from gates_circuits import silent

from ganglion.cli import main
from ganglion.engine import port_map
from ganglion.gates import Block, claims, count, unit_gates
from ganglion.gates.claims import ClaimReport, measure_claims
from ganglion.gates.units import OTHER_UNITS, SPIKING_UNITS
from golden.spec import Config, preset
from hw.bridge import CurrentBridge

GATES_PAGE = Path(__file__).resolve().parent.parent / "docs" / "gates.md"
CLAIMED = {
    "spike encoder": 2000,
    "gamma oscillator": 500,
    "winner take all": 1000,
    "dendritic tree": 8000,
    "homeostatic controller": 1500,
    "pattern unit": 3000,
}


def block(name: str, gates: float, **more: int) -> Block:
    counts = {"flip_flops": 3, "memory_bits": 5, "levels": 7} | more
    return Block(name=name, part="unit", gates=gates, flip_flop_gates=1.0, **counts)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Gates as this says instead of synthesis; what was asked for in ``configs``."""
    told: dict[str, Any] = {"default": 100.0, "joined": False, "configs": []}

    def unit(component: wiring.Component, name: str, **_options: object) -> Block:
        port_map(component)
        return block(name, told.get(name, told["default"]))

    def whole(config: Config, **_options: object) -> tuple[Block, ...]:
        told["configs"].append(config)
        bare = block("distance", 30_000.0), block("glue", 4_000.0)
        return (*bare, block("neurons", 16_000.0 * config.contexts)) if config.contexts else bare

    # Any small component will do where nothing is synthesised.
    small = tuple(replace(entry, make=CurrentBridge) for entry in SPIKING_UNITS)
    monkeypatch.setattr(claims, "SPIKING_UNITS", small)
    monkeypatch.setattr(claims, "unit_gates", unit)
    monkeypatch.setattr(claims, "slice_blocks", whole)

    monkeypatch.setattr(claims, "Slice", lambda config: config)
    monkeypatch.setattr(claims, "convert", lambda config: str(config.contexts * told["joined"]))
    return told


def by_name(report: ClaimReport) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in report.as_dict()["claims"]}


def test_the_claims_are_those_of_the_design() -> None:
    assert {unit.name: unit.claim for unit in SPIKING_UNITS if unit.claim is not None} == CLAIMED
    names = [unit.name for unit in (*SPIKING_UNITS, *OTHER_UNITS)]
    assert len(set(names)) == len(names)


def test_a_block_beyond_its_claim_is_marked(counted: dict[str, Any]) -> None:
    counted |= {"gamma oscillator": 500.0, "winner take all": 1000.5, "dendritic tree": 4000.0}
    report = measure_claims(preset("core"), progress=silent)
    found = by_name(report)
    assert set(CLAIMED) <= set(found)
    assert (found["gamma oscillator"]["ratio"], found["gamma oscillator"]["meets"]) == (1.0, True)
    assert found["winner take all"]["meets"] is False
    assert found["dendritic tree"]["ratio"] == 0.5
    assert (found["LIF pipeline"]["ratio"], found["LIF pipeline"]["meets"]) == (None, None)
    cells = {row[0]: row for row in report.rows()[1:]}
    assert cells["winner take all"][1:5] == ("1,000", "1,000", "1.00", "MISSES")
    assert cells["gamma oscillator"][3:5] == ("1.00", "meets")
    assert cells["LIF pipeline"][1:5] == ("", "100", "", "")
    assert {len(row) for row in report.rows()} == {8}


def test_sums(counted: dict[str, Any]) -> None:
    counted |= {"tick engine": 24_000.0, "gamma oscillator": 2000.0, "LIF pipeline": 5000.0}
    report = measure_claims(preset("core"), progress=silent)
    found = by_name(report)
    assert not report.joined
    assert [config.contexts for config in counted["configs"]] == [0]
    assert found["the six claimed units"]["gates"] == 2000 + 6 * 100, "with the response of a branch"
    assert found["slice without spiking units"]["gates"] == 34_000
    assert found["slice, LIF, queue, router, STDP (v2.2)"]["gates"] == 34_000 + 5000 + 3 * 100
    slice_row = found["slice with all spiking units"]
    assert (slice_row["gates"], slice_row["claim"], slice_row["is_sum"]) == (34_000 + 24_000 + 5 * 100, 57_000, True)
    assert slice_row["meets"] is False
    assert (slice_row["flip_flops"], slice_row["memory_bits"]) == (8 * 3, 8 * 5)
    total = found["that and the oscillator (v2.3)"]
    assert (total["gates"], total["claim"]) == (slice_row["gates"] + 2000, 60_000)


def test_a_slice_that_has_the_units_is_counted_whole(counted: dict[str, Any]) -> None:
    counted["joined"] = True
    report = measure_claims(preset("core", cores=4, slices=2), progress=silent)
    assert report.joined
    assert [config.contexts for config in counted["configs"]] == [0, 2]
    row = by_name(report)["slice with all spiking units"]
    assert (row["gates"], row["is_sum"]) == (34_000 + 32_000, False)
    assert by_name(report)["neurons, in the slice"]["gates"] == 32_000


def test_units_are_cached_by_content(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = CurrentBridge(preset("core"))
    first = unit_gates(unit, "bridge", progress=silent)
    assert 100 < first.gates < 400

    def fail(*_arguments: object, **_options: object) -> None:
        raise AssertionError("synthesised again")

    monkeypatch.setattr(count, "synthesise", fail)
    again = unit_gates(CurrentBridge(preset("core")), "another name", "part", progress=silent)
    assert (again.name, again.part, again.gates) == ("another name", "part", first.gates)
    with pytest.raises(AssertionError, match="synthesised again"):
        unit_gates(CurrentBridge(preset("core", element_width=16, lanes=2)), "bridge", progress=silent)


def test_the_command(counted: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    counted["winner take all"] = 2000.0
    assert main(["gates", "--claims", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in facts["claims"]} >= set(CLAIMED)
    assert facts["config"]["lanes"] == 16
    assert main(["gates", "--claims", "--preset", "core", "--lanes", "8"]) == 0
    assert "MISSES" in capsys.readouterr().out
    assert counted["configs"][-1].lanes == 8
    assert main(["gates", "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--preset" in err
    assert "--claims, is needed" in " ".join(re.sub(r"[│╭╮╰╯─]", " ", err).split())


def test_the_documentation_has_every_row_and_a_reason_for_each_miss(counted: dict[str, Any]) -> None:
    counted["joined"] = True
    text = GATES_PAGE.read_text()
    table = re.search(r"^\| block \| claim \|.*\n(?:\|.*\n)+", text, re.M)
    assert table
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].strip().splitlines()[2:]]
    expected = measure_claims(preset("core"), progress=silent).rows()[1:]
    assert [re.sub(r" \(sum\)$", "", row[0]) for row in rows] == [re.sub(r" \(sum\)$", "", row[0]) for row in expected]
    assert [row[1] for row in rows] == [row[1] for row in expected]
    reasons = " ".join(re.findall(r"^- \*\*(.*?)\.\*\*", text, re.M)).lower()
    for name, claim, gates, ratio, mark, *_rest in rows:
        if not claim:
            assert (ratio, mark) == ("", "")
            continue
        wanted, measured = int(claim.replace(",", "")), int(gates.replace(",", ""))
        assert float(ratio) == pytest.approx(measured / wanted, abs=0.006)
        assert mark == ("meets" if measured <= wanted else "MISSES")
        if mark == "MISSES" and name in CLAIMED:
            assert name in reasons
