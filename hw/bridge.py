"""Current bridge: a search result's distance as a current into the neuron of the same index."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.neural import FACTOR_WIDTH, GAIN, MEMBRANE, RATIO_BITS
from hw.divider import divider_width, ratio_factor

__all__ = ["CurrentBridge"]


class CurrentBridge(wiring.Component):
    """What the divider and the LIF pipeline are given for I = ``gain`` * ``one`` / (``one`` + max(``distance``, 0)).

    ``numerator`` and ``denominator`` go to the divider; its ``quotient`` (0 .. 65536) comes back as ``factor``, with
    which the LIF pipeline scales ``current``, the gain (Q5.13) in membrane units. ``one`` is the raw distance that
    means 1. All combinational.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        super().__init__(
            {
                "distance": In(signed(config.key_width)),
                "one": In(config.key_width),
                "gain": In(signed(GAIN.width)),
                "quotient": In(RATIO_BITS + 1),
                "numerator": Out(divider_width(config)),
                "denominator": Out(divider_width(config)),
                "factor": Out(FACTOR_WIDTH),
                "current": Out(signed(MEMBRANE.width)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        near = Signal(self.config.key_width - 1)
        m.d.comb += [
            near.eq(Mux(self.distance[-1], 0, self.distance)),
            self.numerator.eq(self.one),
            self.denominator.eq(self.one + near),
            self.factor.eq(ratio_factor(self.quotient)),
            self.current.eq(self.gain << MEMBRANE.fraction_bits - GAIN.fraction_bits),
        ]
        return m
