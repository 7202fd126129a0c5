"""check_twin finds the first difference between a unit and its golden twin, and names it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ganglion.engine import check_twin, make_engine


class Accumulator(wiring.Component):
    """total += step while enabled; a 70-bit shift register beside it."""

    def __init__(self) -> None:
        super().__init__(
            {
                "step": In(signed(4)),
                "en": In(1),
                "total": Out(signed(12)),
                "total_next": Out(signed(13)),
                "bits": Out(70),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += self.total_next.eq(self.total + self.step)
        m.d.sync += self.bits.eq((self.bits << 1) | self.en)
        with m.If(self.en):
            m.d.sync += self.total.eq(self.total_next)
        return m


class AccumulatorTwin:
    """The golden model of :class:`Accumulator`; ``faulty_from`` adds 1 to the total of stream 1 from that cycle on."""

    def __init__(self, n_streams: int, *, faulty_from: int | None = None) -> None:
        self.total = np.zeros(n_streams, np.int64)
        self.bits = np.zeros((n_streams, 2), np.uint64)
        self.cycle, self.faulty_from = 0, faulty_from

    def step(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        step = inputs["step"].astype(np.int64)
        total_next = self.total + np.where(step >= 8, step - 16, step)
        total = self.total.copy()
        if self.faulty_from is not None and self.cycle >= self.faulty_from:
            total[1] += 1
        outputs = {"total": total & 0xFFF, "total_next": total_next & 0x1FFF, "bits": self.bits}
        en = inputs["en"] != 0
        wrapped = ((total_next + 2048) & 0xFFF) - 2048
        self.total = np.where(en, wrapped, self.total)
        low, high = self.bits[:, 0], self.bits[:, 1]
        one, top = np.uint64(1), np.uint64(63)
        self.bits = np.stack([(low << one) | inputs["en"], ((high << one) | (low >> top)) & np.uint64(63)], axis=1)
        self.cycle += 1
        return {name: np.asarray(value).astype(np.uint64) for name, value in outputs.items()}


def stimulus(n_streams: int, n_cycles: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    shape = (n_streams, n_cycles)
    return {"step": rng.integers(-8, 8, shape), "en": rng.integers(0, 2, shape)}


def test_equal_units_pass_and_the_outputs_come_back() -> None:
    given = stimulus(5, 400)
    outputs = check_twin(Accumulator(), AccumulatorTwin(5), given)
    assert outputs["bits"].shape == (5, 400, 2)
    assert np.array_equal(outputs["bits"][:, 1:, 0] & np.uint64(1), given["en"][:, :-1].astype(np.uint64))


def test_missing_inputs_are_zero() -> None:
    outputs = check_twin(Accumulator(), AccumulatorTwin(2), {"en": np.ones((2, 80), np.uint8)})
    assert not outputs["total"].any()
    assert outputs["bits"][0, -1].tolist() == [2**64 - 1, 63]


def test_first_mismatch_is_named() -> None:
    with pytest.raises(AssertionError) as caught:
        check_twin(Accumulator(), AccumulatorTwin(3, faulty_from=37), stimulus(3, 100))
    actual = make_engine(Accumulator())
    total = actual.run_ports({name: values[1] for name, values in stimulus(3, 100).items()})["total"][37]
    signed_total = int(total) - 4096 if total >= 2048 else int(total)
    assert str(caught.value).startswith(
        f"stream 1, cycle 37, output 'total': expected {signed_total + 1} ({signed_total + 1:#x}) by the golden model, "
        f"got {signed_total} ({signed_total:#x})"
    )


def test_a_given_engine_is_used() -> None:
    engine = make_engine(Accumulator(), kind="amaranth")
    check_twin(Accumulator(), AccumulatorTwin(2), stimulus(2, 60), engine=engine)
    assert engine.cycle == 60


def test_bad_stimuli_and_twins_are_refused() -> None:
    class NoBits(AccumulatorTwin):
        def step(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {name: value for name, value in super().step(inputs).items() if name != "bits"}

    with pytest.raises(ValueError, match="unknown port 'stop': expected one of step, en, rst"):
        check_twin(Accumulator(), AccumulatorTwin(1), {"stop": [[1]]})
    with pytest.raises(ValueError, match=r"'step' \(4 bits, signed\): -9 is out of range"):
        check_twin(Accumulator(), AccumulatorTwin(1), {"step": [[3, -9]]})
    with pytest.raises(ValueError, match=r"\(n_streams, n_cycles\), got \(3,\)"):
        check_twin(Accumulator(), AccumulatorTwin(1), {"step": [1, 2, 3]})
    with pytest.raises(ValueError, match="returned total, total_next; the unit's outputs are total, total_next, bits"):
        check_twin(Accumulator(), NoBits(1), {"step": [[3]]})
    with pytest.raises(ValueError, match=r"output 'total' has shape \(4,\), expected \(1,\)"):
        check_twin(Accumulator(), AccumulatorTwin(4), {"step": [[3]]})
