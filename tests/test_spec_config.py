"""The specification's configuration, presets, number formats and command words."""

from __future__ import annotations

import zlib
from dataclasses import FrozenInstanceError, fields
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.spec import COMMANDS, PRESETS, Config, ConfigError, Opcode, QFormat, encode, preset


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cores": 0}, "cores must be 1 to 256, got 0"),
        ({"cores": 257}, "cores must be 1 to 256, got 257"),
        ({"cores": True}, "cores must be an integer, got True"),
        ({"cores": "4"}, "cores must be an integer, got '4'"),
        ({"cores": 2.0}, "cores must be an integer, got 2.0"),
        ({"slices": 0}, "slices must be 1 to 256, got 0"),
        ({"cores": 12, "slices": 3}, "slices must be a power of two that divides cores = 12, got 3"),
        ({"cores": 12, "slices": 8}, "slices must be a power of two that divides cores = 12, got 8"),
        ({"cores": 2, "slices": 4}, "slices must be a power of two that divides cores = 2, got 4"),
        ({"lanes": 0}, "lanes must be one of (1, 2, 4, 8, 16), got 0"),
        ({"lanes": 3}, "lanes must be one of (1, 2, 4, 8, 16), got 3"),
        ({"lanes": True}, "lanes must be one of (1, 2, 4, 8, 16), got True"),
        ({"lanes": None}, "lanes must be one of (1, 2, 4, 8, 16), got None"),
        ({"element_width": 12}, "element_width must be one of (8, 16), got 12"),
        ({"cores": 4, "contexts": 5}, "contexts must be 0 to 4, got 5"),
        ({"contexts": -1}, "contexts must be 0 to 1, got -1"),
        (
            {"cores": 12, "contexts": 3},
            "contexts must be 0, cores = 12, or slices = 1 times a power of two, got 3",
        ),
        (
            {"cores": 12, "slices": 4, "contexts": 6},
            "contexts must be 0, cores = 12, or slices = 4 times a power of two, got 6",
        ),
        ({"memory": "dram"}, "memory must be one of ('block', 'spram'), got 'dram'"),
        ({"memory": "spram"}, "memory 'spram' needs slices = 1, lanes = 8 and element_width = 8, got 1, 16 and 8"),
        (
            {"memory": "spram", "lanes": 8, "cores": 2, "contexts": 2},
            "memory 'spram' holds one context: contexts must be 0 or 1, got 2",
        ),
        ({"memory": "spram", "lanes": 8, "cores": 129}, "memory 'spram' holds at most 128 cores, got 129"),
    ],
)
def test_a_configuration_that_makes_no_array_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config(**changes)
    assert str(caught.value) == message


def test_configurations_are_frozen_and_take_keywords_only() -> None:
    with pytest.raises(FrozenInstanceError):
        Config().cores = 2  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        Config(4)  # type: ignore[misc]


def test_presets() -> None:
    assert {"tiny", "core", "up5k", "hx8k", "ecp5", "array256", "folded256"} <= set(PRESETS)
    sizes = {name: (c.cores, c.slices, c.capacity) for name, c in PRESETS.items()}
    assert sizes["core"] == (1, 1, 32)
    assert sizes["array256"] == (256, 256, 8192)
    assert sizes["folded256"] == (256, 1, 8192)
    assert sizes["up5k"][0] >= 128
    assert PRESETS["up5k"].memory == "spram"
    assert preset("tiny") is not None and preset("tiny") == PRESETS["tiny"]
    assert preset("tiny", lanes=16) == Config(cores=4, slices=2, lanes=16)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("huge", {}, "unknown preset 'huge'; choose one of " + ", ".join(PRESETS)),
        ("tiny", {"lane": 2}, "unknown configuration field 'lane'"),
        ("tiny", {"lanes": 5}, "lanes must be one of (1, 2, 4, 8, 16), got 5"),
    ],
)
def test_bad_presets_are_refused(name: str, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        preset(name, **changes)
    assert str(caught.value) == message


CONFIGS = st.builds(
    lambda slice_bits, places, lanes, width, contexts: Config(
        cores=places << slice_bits,
        slices=1 << slice_bits,
        lanes=lanes,
        element_width=width,
        contexts=(0, 1 << slice_bits, places << slice_bits)[contexts],
    ),
    st.integers(0, 5),
    st.integers(1, 8),
    st.sampled_from([1, 2, 4, 8, 16]),
    st.sampled_from([8, 16]),
    st.integers(0, 2),
)


@given(CONFIGS)
def test_derived_sizes(config: Config) -> None:
    assert config.cores_per_slice * config.slices == config.cores
    assert 1 << config.slice_bits == config.slices
    assert config.n_chunks * config.lanes == 16
    assert 1 << config.place_width >= config.cores_per_slice
    assert config.capacity == 32 * config.cores
    element = config.element_format
    # The largest distance of each metric fits a key.
    assert 16 * (element.max_raw - element.min_raw) ** 2 <= config.key_format.max_raw
    assert 16 * element.min_raw**2 <= config.key_format.max_raw
    assert 2 * config.cosine_one <= config.key_format.max_raw
    assert 16 * element.min_raw**2 < 1 << config.norm_width


@pytest.mark.parametrize("element_width", [8, 16])
def test_mean_factors_are_the_rounded_quotients(element_width: int) -> None:
    factors = Config(element_width=element_width).mean_factors
    assert factors[0] == 0
    for n, factor in enumerate(factors[1:], 1):
        assert factor == floor(Fraction(1 << (8 + 2 * element_width), 255 * n) + Fraction(1, 2))
        assert factor < 1 << (Config(element_width=element_width).factor_width - 1)


def test_the_hash_tells_configurations_apart() -> None:
    config = Config(cores=4, slices=2, lanes=4)
    text = "contexts=0;cores=4;element_width=8;lanes=4;memory=block;slices=2"
    assert config.hash == zlib.crc32(text.encode())
    variants = [config, *PRESETS.values(), preset("tiny", lanes=8), preset("tiny", element_width=16)]
    variants += [preset("tiny", contexts=4), preset("tiny", slices=1), preset("tiny", cores=8)]
    distinct = {tuple(getattr(v, f.name) for f in fields(Config)) for v in variants}
    assert len({v.hash for v in variants}) == len(distinct)


def rounded(value: Fraction, form: QFormat) -> int:
    """What QFormat promises, in exact arithmetic."""
    return min(max(floor(value * 2**form.fraction_bits + Fraction(1, 2)), form.min_raw), form.max_raw)


@given(
    st.integers(1, 20),
    st.integers(0, 20),
    st.booleans(),
    st.lists(st.floats(-(2.0**24), 2.0**24, allow_nan=False), min_size=1, max_size=8),
)
def test_rounding_and_saturation_are_those_of_exact_arithmetic(
    integer_bits: int, fraction_bits: int, signed: bool, values: list[float]
) -> None:
    form = QFormat(integer_bits=integer_bits, fraction_bits=fraction_bits, signed=signed)
    assert form.to_raw(values).tolist() == [rounded(Fraction(value), form) for value in values]


def test_halves_go_up_and_infinities_saturate() -> None:
    form = QFormat(integer_bits=4, fraction_bits=1)
    assert form.to_raw([0.25, -0.25, 0.75, -0.75, 0.24, -0.26]).tolist() == [1, 0, 2, -1, 0, -1]
    assert form.to_raw([np.inf, -np.inf, 7.5, 7.75, -8.0, -9.0]).tolist() == [15, -16, 15, 15, -16, -16]
    assert QFormat(integer_bits=3, fraction_bits=0, signed=False).to_raw([-1.0, 7.4, 8.0]).tolist() == [0, 7, 7]


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^NaN has no representation in Q4\.12$"):
        QFormat(integer_bits=4, fraction_bits=12).to_raw([0.0, np.nan])


@given(st.integers(1, 16), st.integers(0, 16), st.booleans())
def test_every_raw_value_survives_the_way_there_and_back(integer_bits: int, fraction_bits: int, signed: bool) -> None:
    form = QFormat(integer_bits=integer_bits, fraction_bits=fraction_bits, signed=signed)
    raw = np.unique(np.linspace(form.min_raw, form.max_raw, 200).astype(np.int64))
    assert np.array_equal(form.to_raw(form.from_raw(raw)), raw)
    assert form.max_raw - form.min_raw == (1 << form.width) - 1
    assert form.saturate([form.min_raw - 1, form.max_raw + 1, 0]).tolist() == [form.min_raw, form.max_raw, 0]


def test_formats_name_themselves_and_need_a_bit() -> None:
    assert str(QFormat(integer_bits=8, fraction_bits=8)) == "Q8.8"
    assert str(QFormat(integer_bits=3, fraction_bits=0, signed=False)) == "UQ3.0"
    assert QFormat(integer_bits=4, fraction_bits=12).resolution == 1 / 4096
    with pytest.raises(ValueError, match=r"at least one bit, got 2\.-2"):
        QFormat(integer_bits=2, fraction_bits=-2)


@given(*[st.integers(0, 255)] * 4)
def test_command_words(opcode: int, core: int, index: int, value: int) -> None:
    assert encode(opcode, core=core, index=index, value=value).to_bytes(4, "little") == bytes(
        [opcode, core, index, value]
    )


@pytest.mark.parametrize("field", ["core", "index", "value"])
@pytest.mark.parametrize("bad", [-1, 256])
def test_command_fields_out_of_range_are_named(field: str, bad: int) -> None:
    with pytest.raises(ValueError, match=rf"^command field {field} must be 0 to 255, got {bad}$"):
        encode(Opcode.SEARCH, **{field: bad})


def test_every_opcode_is_described_once_and_in_order() -> None:
    assert [info.opcode for info in COMMANDS] == list(Opcode)
    assert [int(o) for o in Opcode] == sorted({int(o) for o in Opcode})
    assert all(info.description.endswith(".") for info in COMMANDS)
    unchecked = {info.opcode for info in COMMANDS if not info.checks_core}
    assert unchecked == {Opcode.INIT, Opcode.CLEAR_RESULTS, Opcode.MERGE}
