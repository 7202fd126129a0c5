"""The gamma oscillator: an exact phase accumulator, resonance, sine and cosine."""

import numpy as np

from golden.fixed.bits import BoolArray, I64Array, mask, to_unsigned
from golden.fixed.unit import Inputs, Outputs, Unit, flag, unsigned
from golden.spec import Config
from golden.spec.constants import INDEX_WIDTH
from golden.spec.neural import (
    PHASE_PERIOD,
    PHASE_WIDTH,
    PREFERRED_PHASE_STEP,
    QUARTER_TURN,
    RESONANCE_ONE,
    RESONANCE_WIDTH,
    WAVE,
    WAVE_BASES,
    WAVE_FALLS,
    WAVE_OFFSET_BITS,
    WAVE_SEGMENT_BITS,
    WAVE_SEGMENTS,
)

SECTOR_BITS = 14
"""A quarter turn is 25 sectors of 2**14 phase units."""
SECTORS = QUARTER_TURN >> SECTOR_BITS
BASES = np.array(WAVE_BASES + (0,) * (64 - WAVE_SEGMENTS))
FALLS = np.array(WAVE_FALLS + (0,) * (64 - WAVE_SEGMENTS))


def next_phase(phase: I64Array, phase_step: I64Array) -> I64Array:
    """Phases one step on."""
    total = phase + phase_step
    return np.where(total >= PHASE_PERIOD, total - PHASE_PERIOD, total) & mask(PHASE_WIDTH)


def resonance(phase: I64Array, index: I64Array) -> I64Array:
    """How near the phase is to the neurons' preferred ones: 0 .. RESONANCE_ONE, exactly."""
    difference = np.abs(phase - index * PREFERRED_PHASE_STEP)
    return np.abs(difference - RESONANCE_ONE) & mask(RESONANCE_WIDTH)


def wave(phase: I64Array, cosine: BoolArray) -> I64Array:
    """Sine or cosine of phases, by linear interpolation over 50 segments of a quarter turn."""
    angle = phase + np.where(cosine, 0, 3 * QUARTER_TURN)
    angle = np.where(angle >= PHASE_PERIOD, angle - PHASE_PERIOD, angle)
    sector = (angle >> SECTOR_BITS) & 127
    quadrant = (sector >= SECTORS).astype(np.int64) + (sector >= 2 * SECTORS) + (sector >= 3 * SECTORS)
    place = (angle - QUARTER_TURN * quadrant) & mask(PHASE_WIDTH - 2)
    place = np.where(quadrant & 1, (QUARTER_TURN - place) & mask(PHASE_WIDTH - 2), place)
    segment = place >> WAVE_SEGMENT_BITS
    offset = (place >> (WAVE_SEGMENT_BITS - WAVE_OFFSET_BITS)) & mask(WAVE_OFFSET_BITS)
    half = 1 << (WAVE_OFFSET_BITS - 1)
    height = ((BASES[segment] << WAVE_OFFSET_BITS) - FALLS[segment] * offset + half) >> WAVE_OFFSET_BITS
    return np.where((quadrant == 1) | (quadrant == 2), -height, height)


class GammaOscillator(Unit):
    """phase = (phase + step) mod 25 ms, in 2**-16 ms.

    ``resonance`` and ``wave`` are combinational; the phase moves in the cycle after ``step``.

    Inputs: ``step``, ``write`` (1; write wins), ``phase_step``, ``write_phase`` (21), ``index`` (5), ``cosine`` (1).
    Outputs: ``phase`` (21), ``resonance`` (20), ``wave`` (16, signed).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._phase = self._zeros()

    def step(self, inputs: Inputs) -> Outputs:
        phase = self._phase
        outputs = {
            "phase": phase.astype(np.uint64),
            "resonance": resonance(phase, unsigned(inputs, "index", INDEX_WIDTH)).astype(np.uint64),
            "wave": to_unsigned(wave(phase, flag(inputs, "cosine")), WAVE.width),
        }
        moved = np.where(flag(inputs, "step"), next_phase(phase, unsigned(inputs, "phase_step", PHASE_WIDTH)), phase)
        self._phase = np.where(flag(inputs, "write"), unsigned(inputs, "write_phase", PHASE_WIDTH), moved)
        return outputs
