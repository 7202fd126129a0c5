"""Number formats, constants and tables of the spiking units, as plain integers: one source for hardware and models.

``docs/design/spiking.md`` has the reasons, ``docs/contract_spiking.md`` the use. Times are in ms, rates in spikes/ms.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import cos, exp2, pi, sqrt

from golden.spec.constants import MAX_NEIGHBOURS, MAX_WEIGHT, VECTORS_PER_CORE
from golden.spec.qformat import QFormat

# ---------------------------------------------------------------- formats

MEMBRANE = QFormat(integer_bits=6, fraction_bits=20)
"""Membranes and injected currents."""
THRESHOLD = QFormat(integer_bits=4, fraction_bits=26, signed=False)
RATE = QFormat(integer_bits=0, fraction_bits=24, signed=False)
ELAPSED = QFormat(integer_bits=8, fraction_bits=16, signed=False)
"""Time since the neuron's last spike; the largest value means "long ago, or never"."""
BRANCH = QFormat(integer_bits=4, fraction_bits=12)
GAIN = QFormat(integer_bits=5, fraction_bits=13)
WEIGHT_RESIDUE = QFormat(integer_bits=0, fraction_bits=12)
"""What is left of a weight beside its byte: -1/2 .. 1/2 - 2**-12 of a byte step."""
WAVE = QFormat(integer_bits=2, fraction_bits=14)
"""Sine and cosine."""
TRACE = QFormat(integer_bits=5, fraction_bits=11, signed=False)
"""The trace of a sequence of neuromorphic searches."""
RATIO_BITS = 16
"""Fraction bits of the divider's quotient, which is 0..1."""
HISTORY_WIDTH = 32
DT_WIDTH = 26
DT_FRACTION_BITS = 16
DT_MAX_RAW = 1000 << DT_FRACTION_BITS
"""Longest step, 1000 ms."""


@dataclass(frozen=True)
class StateField:
    """Bits ``low`` .. ``low + width - 1`` of a neuron's state word."""

    name: str
    low: int
    width: int


def _layout(*fields: tuple[str, int]) -> tuple[StateField, ...]:
    placed, low = [], 0
    for name, width in fields:
        placed.append(StateField(name, low, width))
        low += width
    return tuple(placed)


STATE_FIELDS = _layout(
    ("branches", MAX_NEIGHBOURS * BRANCH.width),
    ("history", HISTORY_WIDTH),
    ("membrane", MEMBRANE.width),
    ("elapsed", ELAPSED.width),
    ("rate", RATE.width),
    ("threshold", THRESHOLD.width),
    ("residue", WEIGHT_RESIDUE.width),
    ("trace", TRACE.width),
)
STATE_WIDTH = sum(field.width for field in STATE_FIELDS)
SLOTTED = ("branches", "responses")
"""Columns of 16 bits a branch, which are written one by one."""
STORE_COLUMNS = (*STATE_FIELDS, StateField("responses", STATE_WIDTH, MAX_NEIGHBOURS * BRANCH.width))
"""What a neuron's memory holds: its state, and what follows from the branches: the response of each."""
"""260 bits: a context (32 neurons) takes 3 iCE40 block memories, 8 cores 15 of an ECP5."""

# ---------------------------------------------------------------- constants

THRESHOLD_MIN_RAW = int(THRESHOLD.to_raw(0.1))
THRESHOLD_MAX_RAW = int(THRESHOLD.to_raw(10))
THRESHOLD_INITIAL_RAW = int(THRESHOLD.to_raw(1))
ELAPSED_NEVER = ELAPSED.max_raw
REFRACTORY_RAW = 2 << ELAPSED.fraction_bits
"""A neuron is refractory while its elapsed time is below this: a power of two."""
SPIKE_RATE_STEP_RAW = int(RATE.to_raw(0.001))
"""What one spike adds to a rate."""
WEIGHT_ONE = 1 << WEIGHT_RESIDUE.fraction_bits
WEIGHT_MAX_RAW = MAX_WEIGHT * WEIGHT_ONE

TAU_MEMBRANE, TAU_HOMEOSTASIS, TAU_STDP = 20, 1000, 20
TARGET_RATE = Fraction(1, 10)

PHASE_PERIOD = 25 << DT_FRACTION_BITS
"""One turn of the gamma oscillator, 25 ms."""
PHASE_WIDTH = 21
PREFERRED_PHASE_STEP = PHASE_PERIOD // VECTORS_PER_CORE
RESONANCE_ONE = PHASE_PERIOD // 2
"""The raw resonance that means 1."""
RESONANCE_WIDTH = 20

ENCODING_SLOTS = 8

# ---------------------------------------------------------------- factors: numbers 0..1 with a relative precision

FACTOR_MANTISSA_WIDTH = 16
FACTOR_EXPONENT_WIDTH = 4
FACTOR_WIDTH = FACTOR_MANTISSA_WIDTH + FACTOR_EXPONENT_WIDTH
FACTOR_POINT = FACTOR_MANTISSA_WIDTH - 1
"""A factor word: mantissa in the low 16 bits, exponent above; it means mantissa / 2**(15 + exponent)."""
FACTOR_ONE = 1 << FACTOR_POINT


def factor_raw(value: Fraction) -> int:
    """The factor word nearest to ``value`` (0..1): the largest exponent whose rounded mantissa fits.

    Rounding is to nearest, halves up. ValueError when ``value`` is out of range.
    """
    if not 0 <= value <= 1:
        raise ValueError(f"a factor must be 0 to 1, got {value}")
    for exponent in reversed(range(1 << FACTOR_EXPONENT_WIDTH)):
        mantissa = _nearest(value * (1 << FACTOR_POINT + exponent))
        if mantissa < 1 << FACTOR_MANTISSA_WIDTH:
            return exponent << FACTOR_MANTISSA_WIDTH | mantissa
    raise AssertionError(f"{value} fits with exponent 0")


def factor_value(raw: int) -> Fraction:
    """What a factor word means."""
    exponent, mantissa = divmod(raw, 1 << FACTOR_MANTISSA_WIDTH)
    return Fraction(mantissa, 1 << FACTOR_POINT + exponent)


def _nearest(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


INHIBITION_FACTOR = factor_raw(Fraction(4, 5))
"""What the losers of a hard competition lose, as a part of the largest membrane."""


# ---------------------------------------------------------------- registers derived from dt


@dataclass(frozen=True)
class TimeStep:
    """The register values that belong to a step of ``dt_raw`` * 2**-16 ms.

    ``leak`` is dt/20 (at most 1) and ``rate_factor`` dt/1000, both factor words; ``target_step`` is 0.1 * dt/1000 in
    units of the threshold; ``phase_step`` is the step modulo the oscillator's turn.
    """

    dt_raw: int
    leak: int
    rate_factor: int
    target_step: int
    phase_step: int


TARGET_STEP_WIDTH = int(THRESHOLD.to_raw(float(TARGET_RATE))).bit_length()


def time_step(dt_raw: int) -> TimeStep:
    """The registers for a step of ``dt_raw`` (0 .. DT_MAX_RAW), by exact rational arithmetic.

    Raises TypeError or ValueError, naming the value.
    """
    if isinstance(dt_raw, bool) or not isinstance(dt_raw, int):
        raise TypeError(f"dt_raw must be an integer, got {dt_raw!r}")
    if not 0 <= dt_raw <= DT_MAX_RAW:
        raise ValueError(f"dt_raw must be 0 to {DT_MAX_RAW}, got {dt_raw}")
    dt = Fraction(dt_raw, 1 << DT_FRACTION_BITS)
    share = dt / TAU_HOMEOSTASIS
    return TimeStep(
        dt_raw=dt_raw,
        leak=factor_raw(min(dt / TAU_MEMBRANE, Fraction(1))),
        rate_factor=factor_raw(share),
        target_step=_nearest(TARGET_RATE * share * (1 << THRESHOLD.fraction_bits)),
        phase_step=dt_raw % PHASE_PERIOD,
    )


RESET_TIME_STEP = time_step(1 << DT_FRACTION_BITS)
"""Steps of 1 ms: the reset values of the registers."""

# ---------------------------------------------------------------- tables

RESPONSE_FRACTION_BITS = 13
RESPONSE_WIDTH = RESPONSE_FRACTION_BITS + 2
"""A response is 0 .. 3."""
"""Fraction bits of a branch's response."""
RESPONSE_SEGMENTS, RESPONSE_BASE_BITS, RESPONSE_SLOPE_BITS, RESPONSE_OFFSET_BITS = 32, 14, 12, 8


def _reciprocal_tables() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """1/m over 32 equal segments of 1 <= m < 2: values in 2**-14, falls over a segment in 2**-12.

    The falls are rounded down, so that the response never decreases from one segment to the next; the bases then
    make the greatest errors above and below equal.
    """
    bases, falls = [], []
    for k in range(RESPONSE_SEGMENTS):
        low, high = 1 + k / RESPONSE_SEGMENTS, 1 + (k + 1) / RESPONSE_SEGMENTS
        fall = int((1 / low - 1 / high) * (1 << RESPONSE_SLOPE_BITS))
        slope = fall / (1 << RESPONSE_SLOPE_BITS) * RESPONSE_SEGMENTS
        points = (low, high, min(max(1 / sqrt(slope), low), high))
        gaps = [1 / m + slope * (m - low) for m in points]
        bases.append(int((max(gaps) + min(gaps)) / 2 * (1 << RESPONSE_BASE_BITS) + 0.5))
        falls.append(fall)
    return tuple(bases), tuple(falls)


RECIPROCAL_BASES, RECIPROCAL_FALLS = _reciprocal_tables()

WINDOW_SEGMENTS, WINDOW_OFFSET_BITS = 32, 7
AGE_FRACTION_BITS = 14
"""Fraction bits of an age: elapsed / (20 ms) * log2(e), so that the STDP window is 2**-age."""


def _window_tables() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """255 * 0.01 * 2**-f over 32 equal segments of 0 <= f < 1, in 2**-13 of a weight byte; its falls in 2**-12."""
    scale = 2.55 * (1 << WEIGHT_RESIDUE.fraction_bits + 1)
    ends = [scale * exp2(-k / WINDOW_SEGMENTS) for k in range(WINDOW_SEGMENTS + 1)]
    middles = [scale * exp2(-(k + 0.5) / WINDOW_SEGMENTS) for k in range(WINDOW_SEGMENTS)]
    bases, falls = [], []
    for k, middle in enumerate(middles):
        sag = (ends[k] + ends[k + 1]) / 2 - middle
        bases.append(int(ends[k] - sag / 2 + 0.5))
        falls.append(int((ends[k] - ends[k + 1]) / 2 + 0.5))
    return tuple(bases), tuple(falls)


WINDOW_BASES, WINDOW_FALLS = _window_tables()

WAVE_SEGMENTS = 50
WAVE_SEGMENT_BITS = 13
WAVE_OFFSET_BITS = 8
"""A quarter of a turn is 50 segments of 2**13 phase units; 8 bits of the place in a segment count."""
QUARTER_TURN = WAVE_SEGMENTS << WAVE_SEGMENT_BITS


def _wave_tables() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """cos over 50 equal segments of a quarter turn, in 2**-14, and its falls in 2**-14.

    The bases allow for the bits of the place that are not looked at: half of them on the average.
    """
    scale, step = 1 << WAVE.fraction_bits, pi / 2 / WAVE_SEGMENTS
    bases, falls = [], []
    for k in range(WAVE_SEGMENTS):
        start, middle, end = (cos((k + share) * step) for share in (0, 0.5, 1))
        sag = middle - (start + end) / 2
        dropped = (start - end) / (2 << WAVE_OFFSET_BITS)
        bases.append(int((start + sag / 2 - dropped) * scale + 0.5))
        falls.append(int((start - end) * scale + 0.5))
    return tuple(bases), tuple(falls)


WAVE_BASES, WAVE_FALLS = _wave_tables()
