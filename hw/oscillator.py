"""Gamma oscillator: a phase, how near it is to each neuron's preferred one, and its sine and cosine."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

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
)
from hw.bits import select
from hw.fixed_point import add_with_carry

__all__ = ["GammaOscillator"]


TABLES = {"base": WAVE_BASES, "fall": WAVE_FALLS}


def factors(number: int) -> tuple[int, int]:
    """``number`` as (odd, n): odd * 2**n."""
    n_zeros = (number & -number).bit_length() - 1
    return number >> n_zeros, n_zeros


class GammaOscillator(wiring.Component):
    """phase = (phase + phase_step) mod 25 ms at ``step``, in 2**-16 ms; ``write`` sets it.

    ``resonance`` of neuron ``index``: 1 at its preferred phase (index/32 of a turn), 0 half a turn away, in units of
    2**-16 ms: 819,200 is 1. ``wave``: sine or cosine of the phase, Q2.14, from 50 straight pieces a quarter turn. Both
    are combinational; ``phase`` is a register.

    All lengths are 25 times a power of two, so that only the upper bits of a phase enter the sums and comparisons.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "step": In(1),
                "write": In(1),
                "phase_step": In(PHASE_WIDTH),
                "write_phase": In(PHASE_WIDTH),
                "index": In(INDEX_WIDTH),
                "cosine": In(1),
                "phase": Out(PHASE_WIDTH),
                "resonance": Out(RESONANCE_WIDTH),
                "wave": Out(signed(WAVE.width)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._advance(m)
        self._resonate(m)
        self._wave(m)
        return m

    def _advance(self, m: Module) -> None:
        turn, low = factors(PHASE_PERIOD)
        moved, upper = Signal(PHASE_WIDTH + 1), Signal(PHASE_WIDTH + 1 - low)
        m.d.comb += [
            moved.eq(self.phase + self.phase_step),
            upper.eq(moved[low:]),
        ]
        with m.If(moved[low:] >= turn):
            m.d.comb += upper.eq(moved[low:] - turn)
        with m.If(self.write):
            m.d.sync += self.phase.eq(self.write_phase)
        with m.Elif(self.step):
            m.d.sync += self.phase.eq(Cat(moved[:low], upper))

    def _resonate(self, m: Module) -> None:
        """| |a| - half | is |a - half| for a >= 0 and |a + half| below: one sum and one absolute value."""
        pitch, low = factors(PREFERRED_PHASE_STEP)
        half, half_low = factors(RESONANCE_ONE)
        away = Signal(signed(PHASE_WIDTH + 1 - low))
        upper = Signal(signed(PHASE_WIDTH + 2 - half_low))
        folded = Signal(PHASE_WIDTH + 2)
        negative = folded[-1]
        m.d.comb += [
            away.eq(self.phase[low:] - self.index * pitch),
            upper.eq(away[half_low - low :].as_signed() + Mux(away[-1], half, -half)),
            folded.eq(Cat(self.phase[:low], away[: half_low - low], upper)),
            self.resonance.eq((folded[:RESONANCE_WIDTH] ^ negative.replicate(RESONANCE_WIDTH)) + negative),
        ]

    def _wave(self, m: Module) -> None:
        quarter, low = factors(QUARTER_TURN)
        turns = self.phase[low:]
        # Whole quarters in the phase. A sine is the cosine three quarters on, which from a fifth quarter on (software
        # writes no such phase) is not folded.
        reached = Cat(*(turns >= n * quarter for n in range(1, 5)), (turns >= 5 * quarter) & self.cosine)
        passed, quadrant = Signal(range(6)), Signal(2)
        place = Signal(5)
        m.d.comb += [
            passed.eq(sum(reached[1:], reached[0])),
            quadrant.eq(passed + Mux(self.cosine, 0, 3)),
            place.eq(turns - select([n * quarter % 32 for n in range(6)], passed)),
        ]

        # In the second and fourth quarter the table is read backwards.
        dropped = WAVE_SEGMENT_BITS - WAVE_OFFSET_BITS
        forward = Cat(self.phase[dropped:low], place)
        back, position = Signal(), Signal(len(forward))
        m.d.comb += [
            back.eq(quadrant[0]),
            position.eq(
                add_with_carry(
                    forward ^ back.replicate(len(forward)),
                    Mux(back, QUARTER_TURN >> dropped, 0),
                    back & ~self.phase[:dropped].any(),
                )
            ),
        ]
        offset, segment = position[:WAVE_OFFSET_BITS], position[WAVE_OFFSET_BITS:]
        base, fall = (Signal(range(max(table) + 1), name=name) for name, table in TABLES.items())
        size, negative = Signal(WAVE.width - 1), Signal()
        m.d.comb += [
            base.eq(select(WAVE_BASES, segment)),
            fall.eq(select(WAVE_FALLS, segment)),
            size.eq(((base << WAVE_OFFSET_BITS) + (1 << (WAVE_OFFSET_BITS - 1)) - fall * offset) >> WAVE_OFFSET_BITS),
            negative.eq(quadrant[0] ^ quadrant[1]),
            self.wave.eq((size ^ negative.replicate(len(self.wave))) + negative),
        ]
