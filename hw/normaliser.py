"""Normaliser: the squared norm of a vector and its reciprocal square root, for the cosine metric."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import PIPELINE_LATENCY
from hw.ice40 import chosen_sum, on_up5k

__all__ = ["Normaliser"]


class Normaliser(wiring.Component):
    """Finds ``shift`` s and ``root = floor(2**F / sqrt(n2 * 4**s))`` for n2 = sum of v_d^2 over d < dims.

    n2 * 4**s lies in [2**(W-2), 2**W), so root has R = 2e bits after its leading one: a vector element becomes
    ``(unit * v_d << s) * root >> F``. A zero vector gives root 0. The squares go through the scaler. The root is found
    a bit a cycle, from the top, by comparing with the remainder of 2**(2F): no divider.

    Latency: dims + 4 (squares) + 1 .. 1 + 2e (alignment, at most 5 for 8 bits) + 2e + 1 (root) cycles.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "dims": In(5),
                "element": In(signed(config.element_width)),
                "scaler_valid": In(1),
                "scaler_value": In(signed(config.key_width)),
                "read_addr": Out(4),
                "multiply": Out(1),
                "busy": Out(1),
                "ready": Out(1),
                "shift": Out(5),
                "root": Out(config.root_bits + 1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        width, root_bits = config.norm_width, config.root_bits

        dim = Signal(5)
        wait = Signal(range(PIPELINE_LATENCY))
        norm = Signal(width)
        step = Signal(range(root_bits + 1))
        # root * norm and the remainder, both in units of the step's square: below 2**(F + W/2 + 4).
        work_width = config.unit_shift + width // 2 + 4
        product = Signal(work_width)
        remainder = Signal(work_width)
        # What the next bit of the root takes from the remainder if it is a one.
        trial, taken, grown = (Signal(work_width, name=n) for n in ("trial", "taken", "grown"))
        fits = Signal()
        m.d.comb += [self.read_addr.eq(dim), trial.eq((product << 2) + norm)]
        doubled, addend = Signal(work_width), Signal(work_width)
        m.d.comb += [doubled.eq(product << 1), addend.eq(norm)]
        if on_up5k(platform):
            left, carry = chosen_sum(m, "taken", remainder, ~trial, carry=Const(1, 1), choose=fits)
            sum_, _ = chosen_sum(m, "grown", doubled, addend, carry=Const(0, 1), choose=fits)
            m.d.comb += [fits.eq(carry), taken.eq(left), grown.eq(sum_)]
        else:
            difference = Signal(signed(work_width + 1))
            m.d.comb += [
                difference.eq(remainder - trial),
                fits.eq(~difference[-1]),
                taken.eq(Mux(fits, difference, remainder)),
                grown.eq(doubled + Mux(fits, addend, 0)),
            ]
        m.d.sync += self.multiply.eq(0)

        def restart() -> None:
            """A start in any state begins anew."""
            with m.If(self.start):
                m.next = "SQUARE"

        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("IDLE"):
                restart()
            with m.State("SQUARE"):
                m.d.sync += [self.multiply.eq(1), dim.eq(dim + 1), wait.eq(0)]
                with m.If(dim + 1 >= self.dims):
                    m.next = "DRAIN"
                restart()
            with m.State("DRAIN"):
                m.d.sync += wait.eq(wait + 1)
                with m.If(wait == PIPELINE_LATENCY - 1):
                    m.next = "ALIGN"
                restart()
            with m.State("ALIGN"):
                with m.If(norm == 0):
                    m.d.sync += [self.root.eq(0), self.shift.eq(0), self.ready.eq(1)]
                    m.next = "IDLE"
                with m.Elif(norm[-8:] == 0):
                    m.d.sync += [norm.eq(norm << 8), self.shift.eq(self.shift + 4)]
                with m.Elif(norm[-2:] == 0):
                    m.d.sync += [norm.eq(norm << 2), self.shift.eq(self.shift + 1)]
                with m.Else():
                    m.d.sync += [
                        self.root.eq(0),
                        product.eq(0),
                        remainder.eq(1 << (2 * config.unit_shift - 2 * root_bits)),
                        step.eq(root_bits),
                    ]
                    m.next = "ROOT"
                restart()
            with m.State("ROOT"):
                m.d.sync += [
                    self.root.eq(Cat(fits, self.root)),
                    product.eq(grown),
                    remainder.eq(taken << 2),
                    step.eq(step - 1),
                ]
                with m.If(step == 0):
                    m.d.sync += self.ready.eq(1)
                    m.next = "IDLE"
                restart()

        with m.If(self.scaler_valid & (fsm.ongoing("SQUARE") | fsm.ongoing("DRAIN"))):
            m.d.sync += norm.eq(norm + self.scaler_value[:width])
        with m.If(self.start):
            m.d.sync += [self.ready.eq(0), dim.eq(0), norm.eq(0), self.shift.eq(0), wait.eq(0)]
        return m
