"""The WASM module against the array: the same commands, answers within the bounds."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from ganglion.backends.base import Ints, RawResults
from ganglion.backends.model import GoldenBackend
from ganglion.cli import main
from ganglion.wasm.against import Comparison, compare_with_wasm
from golden.spec import Config, preset

WIDE = Config(cores=2, slices=1, lanes=8, element_width=16)


@pytest.mark.parametrize(("config", "seed"), [(preset("tiny"), 0), (preset("tiny"), 1), (WIDE, 2)])
def test_answers_are_within_the_bounds(config: Config, seed: int) -> None:
    report = compare_with_wasm(GoldenBackend(config), 1000, seed)
    assert report.mismatches == 0 and report.first is None, str(report.first)
    assert report.operations == 1000 and report.n_values > 2500
    cosine = next(value for what, value in report.largest.items() if what.startswith("distance, cosine"))
    assert 0 < cosine < (0.0092 if config.element_width == 8 else 0.000038)  # what docs/quantisation.md measured
    if config.element_width == 8:
        assert report.largest["graph word"] == report.largest["distance of a result"] == 0
        assert report.largest["delta, elements"] > 0 and report.largest["element after an update"] > 0.4


class Wrong(GoldenBackend):
    """An array that gives one kind of answer wrongly."""

    what = ""

    def search(self, queries: Ints, k: int, *, exact: bool, type_mask: int) -> RawResults:
        found = super().search(queries, k, exact=exact, type_mask=type_mask)
        if self.what == "distance":
            found.distance[0, 0] += self.config.cosine_one // 16
        if self.what == "count":
            found.count[0] -= 1
        return found

    def aggregate(self, cores: Ints, indices: Ints) -> tuple[Ints, Ints]:
        deltas, cycles = super().aggregate(cores, indices)
        return deltas + (4 if self.what == "delta" else 0), cycles

    def get_types(self, cores: Ints, indices: Ints) -> Ints:
        return super().get_types(cores, indices) ^ (self.what == "type")


@pytest.mark.parametrize(
    ("what", "message"),
    [("distance", "distance"), ("count", "number of"), ("delta", "delta, elements"), ("type", "type: ")],
)
def test_a_wrong_array_is_found(what: str, message: str) -> None:
    backend = Wrong(preset("tiny"))
    backend.what = what
    report = compare_with_wasm(backend, 300, 3)
    assert report.mismatches > 0 and message in str(report.first)
    assert "from the array" in str(report.first) and "apart at most" in str(report.first)


def test_a_comparison_counts_and_keeps_the_first() -> None:
    report = Comparison()
    report.note("a", [1, 2, 3], [1, 2.5, 4], 0.6)
    report.note("b", [1], [1, 2])
    report.note("a", np.nan, 1.0, 5)
    assert (report.n_values, report.mismatches, report.largest["a"]) == (5, 3, 1.0)
    assert report.first is not None and (report.first.what, report.first.array, report.first.module) == ("a", 3, 4)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any], str]:
    status = main(["cosim", "--against", "wasm", "--json", *arguments])
    captured = capsys.readouterr()
    return status, json.loads(captured.out) if captured.out else {}, captured.err


def test_the_simulated_array_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    status, facts, _errors = run(capsys, "--preset", "tiny", "--operations", "220", "--seed", "5")
    assert status == 0 and facts["mismatches"] == 0 and facts["first_mismatch"] is None
    assert facts["operations"] == 220 and facts["values"] > 500 and facts["cycles"] > 10_000
    assert facts["largest_difference"].keys() == facts["largest_bound"].keys()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--against", "rtl"], "unknown against 'rtl'; choose one of golden, wasm"),
        (["--engine", "amaranth"], "unknown engine of --against wasm 'amaranth'; choose one of cxxrtl"),
    ],
)
def test_bad_use_names_the_value(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, _facts, errors = run(capsys, *arguments)
    assert status == 2 and message in errors
