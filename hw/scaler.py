"""Scaler: the one multiplier the array shares for norms, unit vectors, cosine distances, means and updates."""

from enum import IntEnum

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from golden.spec.constants import CORE_WIDTH, INDEX_WIDTH
from hw.ice40 import mac16, on_up5k

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

    Under cosine ``cosine_one`` is added to the value. ``key`` is the value in the modes raw and cosine; in the others
    the low bits of product plus half.

    A three-stage pipeline: align; partial products in three groups; sum and round. Written out as partial products so
    that no FPGA multiplier is taken from the lanes; on an UltraPlus it takes two SB_MAC16 (the lanes share theirs).
    Latency 3 cycles while ``enable`` is 1, throughput one a cycle;
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
                "key": Out(signed(config.key_width)),
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
        mode_b, tag_b = Signal(3), Signal(len(self.tag))
        # C: the product with its rounding constant.
        rounded = Signal(product_shape)
        mode_c, cosine_c = Signal(3), Signal()
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
                    # A cosine distance is one minus the cosine: the one comes in with the rounding constant.
                    one = config.cosine_one << shift if mode is ScalerMode.COSINE else 0
                    m.d.comb += half.eq(one + (1 << (shift - 1)))
        if on_up5k(platform) and config.element_width == 8:
            self._multiply_up5k(m, x_a, y_a, half, rounded)
        else:
            self._multiply(m, x_a, y_a, half, rounded)
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
                self.out_valid.eq(valid_b),
                mode_c.eq(mode_b),
                cosine_c.eq(mode_b == ScalerMode.COSINE),
                self.out_tag.eq(tag_b),
            ]
        with m.If(self.clear):
            m.d.sync += [valid_a.eq(0), valid_b.eq(0), self.out_valid.eq(0)]
        m.d.comb += [
            self.value.eq(rounded),
            # What the result list compares: not through the whole multiplexer.
            self.key.eq(Mux(cosine_c, rounded >> config.cosine_shift, rounded)),
        ]
        with m.Switch(mode_c):
            for mode, shift in shifts.items():
                with m.Case(mode):
                    m.d.comb += self.value.eq(rounded >> shift)
        m.d.comb += self.occupied.eq(valid_a | valid_b | self.out_valid)
        return m

    def _multiply(self, m: Module, x: Signal, y: Signal, half: Signal, rounded: Signal) -> None:
        """Two stages from the operands to ``rounded`` = x y + half: y's partial products in groups, then their sum."""
        x_width, y_width = len(x), len(y)
        group_size = -(-y_width // N_GROUPS)
        groups, sums = [], []
        for low in range(0, y_width, group_size):
            terms = []
            for bit in range(low, min(low + group_size, y_width)):
                term = Signal(signed(x_width + group_size), name=f"term{bit}")
                m.d.comb += term.eq(Mux(y[bit], x, 0) << (bit - low))
                # The top bit of a two's complement number weighs minus its power of two.
                terms.append(-term if bit == y_width - 1 else term)
            while len(terms) > 1:
                paired = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)]
                terms = paired + terms[2 * len(paired) :]
            group = Signal(signed(x_width + group_size + 1), name=f"group{low}")
            groups.append((low, group))
            sums.append(group.eq(terms[0]))
        with m.If(self.enable):
            m.d.sync += [*sums, rounded.eq(sum((group << low for low, group in groups), half))]

    def _multiply_up5k(self, m: Module, x: Signal, y: Signal, half: Signal, rounded: Signal) -> None:
        """The same with two SB_MAC16: x0 y0 + half, and x1 y0 + y1 x, where x = x1 2**16 + x0, y = y1 2**16 + y0."""
        low, high = 16, len(rounded) - 16
        # y1 is -2, -1, 0 or 1; a negative row is complemented here and completed by the sum's carry in.
        row, negative = Signal(signed(len(x) + 2)), Signal()
        doubled = Mux(y[low], x, x << 1)
        m.d.comb += row.eq(Mux(y[low + 1], ~doubled, Mux(y[low], x, 0)))
        upper, _ = mac16(
            m,
            "upper",
            a=x[low:].as_signed(),
            b=y[:low],
            c=row[16:].as_signed(),
            d=row[:16],
            enable=self.enable,
            A_SIGNED=1,
            C_REG=1,
            D_REG=1,
            PIPELINE_16x16_MULT_REG2=1,
            TOPADDSUB_LOWERINPUT=2,
            TOPADDSUB_UPPERINPUT=1,
            TOPADDSUB_CARRYSELECT=2,
            BOTADDSUB_LOWERINPUT=2,
            BOTADDSUB_UPPERINPUT=1,
        )
        lower, carry = mac16(
            m,
            "lower",
            a=x[:low],
            b=y[:low],
            c=half[16:32],
            d=half[:16],
            enable=self.enable,
            PIPELINE_16x16_MULT_REG2=1,
            TOPADDSUB_LOWERINPUT=2,
            TOPADDSUB_UPPERINPUT=1,
            TOPADDSUB_CARRYSELECT=2,
            BOTADDSUB_LOWERINPUT=2,
            BOTADDSUB_UPPERINPUT=1,
            BOTOUTPUT_SELECT=1,
        )
        total = Signal(high)
        with m.If(self.enable):
            m.d.sync += [negative.eq(y[-1]), total.eq(Cat(lower[16:], carry) + upper[:high] + negative)]
        m.d.comb += rounded.eq(Cat(lower[:16], total))
