"""Scaler: the one multiplier the array shares for norms, unit vectors, cosine distances, means and updates."""

from enum import IntEnum

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import CORE_WIDTH, INDEX_WIDTH

__all__ = ["Scaler", "ScalerMode", "tag_width"]

N_GROUPS = 3


class ScalerMode(IntEnum):
    """Which binary point the product has."""

    RAW = 0
    UNIT = 1
    COSINE = 2
    MEAN = 3
    UPDATE = 4


def tag_width(config: Config) -> int:
    """Width of the tag that travels with an operand: a record's index, core and validity, or an element."""
    return max(INDEX_WIDTH + CORE_WIDTH + 1, config.element_width)


class Scaler(wiring.Component):
    """``value = floor(((x << shift) * y + half) / 2**n)``, n by mode (raw 0, unit F, cosine G, mean 2e, update 20).

    A three-stage pipeline: align; partial products in three groups; sum and round. Written out as partial products so
    that no FPGA multiplier is taken from the lanes. Latency 3 cycles while ``enable`` is 1, throughput one a cycle;
    everything holds while ``enable`` is 0. ``clear`` empties the pipeline.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        super().__init__(
            {
                "clear": In(1),
                "enable": In(1),
                "valid": In(1),
                "x": In(signed(config.key_width)),
                "shift": In(5),
                "y": In(signed(config.factor_width)),
                "mode": In(3),
                "tag": In(tag_width(config)),
                "out_valid": Out(1),
                "value": Out(signed(config.key_width)),
                "out_tag": Out(tag_width(config)),
                "occupied": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        x_width, y_width = config.key_width, config.factor_width
        product_shape = signed(x_width + y_width)

        # A: align the operand.
        valid_a, valid_b = Signal(), Signal()
        x_a, y_a, mode_a, tag_a = Signal(signed(x_width)), Signal(signed(y_width)), Signal(3), Signal(len(self.tag))
        # B: the partial products of y's bits, summed in groups.
        mode_b, tag_b = Signal(3), Signal(len(self.tag))
        group_size = -(-y_width // N_GROUPS)
        groups, sums = [], []
        for low in range(0, y_width, group_size):
            terms = []
            for bit in range(low, min(low + group_size, y_width)):
                term = Signal(signed(x_width + group_size), name=f"term{bit}")
                m.d.comb += term.eq(Mux(y_a[bit], x_a, 0) << (bit - low))
                # The top bit of a two's complement number weighs minus its power of two.
                terms.append(-term if bit == y_width - 1 else term)
            while len(terms) > 1:
                paired = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)]
                terms = paired + terms[2 * len(paired) :]
            group = Signal(signed(x_width + group_size + 1), name=f"group{low}")
            groups.append((low, group))
            sums.append(group.eq(terms[0]))

        # C: the product with its rounding constant.
        rounded = Signal(product_shape)
        mode_c = Signal(3)
        shifts = {
            ScalerMode.UNIT: config.unit_shift,
            ScalerMode.COSINE: config.cosine_shift,
            ScalerMode.MEAN: 2 * config.element_width,
            ScalerMode.UPDATE: config.alpha_format.fraction_bits + config.delta_format.fraction_bits,
        }
        half = Signal(product_shape)
        with m.Switch(mode_b):
            for mode, shift in shifts.items():
                with m.Case(mode):
                    m.d.comb += half.eq(1 << (shift - 1))
        with m.If(self.enable):
            m.d.sync += [
                valid_a.eq(self.valid),
                x_a.eq((self.x << self.shift)[:x_width].as_signed()),
                y_a.eq(self.y),
                mode_a.eq(self.mode),
                tag_a.eq(self.tag),
                valid_b.eq(valid_a),
                mode_b.eq(mode_a),
                tag_b.eq(tag_a),
                *sums,
                self.out_valid.eq(valid_b),
                rounded.eq(sum((group << low for low, group in groups), half)),
                mode_c.eq(mode_b),
                self.out_tag.eq(tag_b),
            ]
        with m.If(self.clear):
            m.d.sync += [valid_a.eq(0), valid_b.eq(0), self.out_valid.eq(0)]
        m.d.comb += self.value.eq(rounded)
        with m.Switch(mode_c):
            for mode, shift in shifts.items():
                with m.Case(mode):
                    m.d.comb += self.value.eq(rounded >> shift)
        m.d.comb += self.occupied.eq(valid_a | valid_b | self.out_valid)
        return m
