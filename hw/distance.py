"""Distance unit: squared L2, dot product and weighted sums over the lanes of a slice."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from hw.bits import parts
from hw.ice40 import carry_cell, mac16, on_up5k

__all__ = ["Distance"]

LANES_TOGETHER = 8
"""Lanes whose products are added before they are registered."""


def _tree(terms: Sequence[Value]) -> Value:
    """The sum of a power of two of terms, by a balanced tree of adders."""
    level = list(terms)
    while len(level) > 1:
        level = [low + high for low, high in zip(level[::2], level[1::2], strict=True)]
    return level[0]


class Distance(wiring.Component):
    """Accumulates one chunk of lanes a cycle into a distance.

    Formula: L2 ``sum (query - row)^2``; dot ``-sum query * row``; sum ``sum weight * row``, over the beats from
    ``first`` to ``last`` and the lanes in ``lane_mask``. Integer, exact for 16 dimensions; modulo 2**key_width.

    Parameters: config; ``holds``: with a port ``hold`` that keeps the distance as it is, whatever comes. Ports: query
    and row are packed lanes of signed elements; distance is signed, in squared element units. Latency 3 cycles from the
    last beat to ``out_valid``; throughput one beat a cycle, bubbles allowed.

    On an UltraPlus, 8 lanes take six SB_MAC16: two lanes share one as two products of 8 bits each, and the SB_MAC16 of
    the other lanes add those to their own product. There the query must read as -1 in every lane in a sum beat.
    """

    def __init__(self, config: Config, *, holds: bool = False) -> None:
        self.config = config
        self.holds = holds
        super().__init__(
            {
                "valid": In(1),
                "first": In(1),
                "last": In(1),
                "mode": In(2),
                "lane_mask": In(config.lanes),
                "weight": In(8),
                "query": In(config.row_width),
                "row": In(config.row_width),
                "out_valid": Out(1),
                "distance": Out(signed(config.key_width)),
            }
            | ({"hold": In(1)} if holds else {})
        )

    def elaborate(self, platform: object) -> Module:
        if on_up5k(platform) and (self.config.lanes, self.config.element_width) == (8, 8):
            return self._elaborate_up5k()
        m = Module()
        config = self.config
        operand = signed(max(config.element_width + 1, 9))
        # The largest is the square of a difference, (2**e - 1)**2 < 2**2e; a weight times an element is smaller.
        product_width = 2 * max(config.element_width, 8) + 1

        is_l2, is_dot, is_sum = (Signal(name=n) for n in ("is_l2", "is_dot", "is_sum"))
        m.d.comb += [is_l2.eq(self.mode == 0), is_dot.eq(self.mode == 1), is_sum.eq(self.mode[1])]

        # Stage 1: operands. One multiplier a lane serves all three modes.
        # What goes with a beat needs no reset: it counts only if the beat is valid.
        valid1, valid2 = Signal(), Signal()
        first1, last1, minus1, first2, last2, minus2 = (
            Signal(name=n, reset_less=True) for n in ("first1", "last1", "minus1", "first2", "last2", "minus2")
        )
        m.d.sync += [
            valid1.eq(self.valid),
            first1.eq(self.first),
            last1.eq(self.last),
            minus1.eq(is_dot),
            valid2.eq(valid1),
            first2.eq(first1),
            last2.eq(last1),
            minus2.eq(minus1),
        ]
        products = []
        lanes = zip(
            parts(self.query, config.element_width), parts(self.row, config.element_width), self.lane_mask, strict=True
        )
        for lane, (query_bits, row_bits, enable) in enumerate(lanes):
            query, row = Signal(operand, name=f"query{lane}"), Signal(operand, name=f"row{lane}")
            a, b = (Signal(operand, name=f"{name}{lane}", reset_less=True) for name in "ab")
            b_next = Signal(operand, name=f"b_next{lane}")
            n_bits = len(query)
            m.d.comb += [
                query.eq(query_bits.as_signed()),
                row.eq(row_bits.as_signed()),
                # The square of a difference may as well be that of its opposite.
                b_next.eq(row - (query & is_l2.replicate(n_bits)).as_signed()),
            ]
            # A lane that is off has a = 0, and a beat that is not valid is not added: b may be anything.
            m.d.sync += [
                a.eq(
                    (b_next & (is_l2 & enable).replicate(n_bits))
                    | (query & (is_dot & enable).replicate(n_bits))
                    | (self.weight & (is_sum & enable).replicate(n_bits))
                ),
                b.eq(b_next),
            ]
            product = Signal(signed(product_width), name=f"product{lane}")
            m.d.comb += product.eq(a * b)
            products.append(product)

        # Stage 2: the products, of several lanes together, as a sum has fewer bits to keep than its terms.
        groups = []
        for number in range(0, config.lanes, LANES_TOGETHER):
            group = _tree(products[number : number + LANES_TOGETHER])
            kept = Signal(group.shape(), name=f"group{number}")
            m.d.sync += kept.eq(group)
            groups.append(kept)

        # Stage 3: the rest of the adder tree, then the accumulator.
        total = Signal(self.distance.shape())
        base = Signal(self.distance.shape())
        m.d.comb += [
            total.eq(_tree(groups)),
            base.eq(Mux(first2, 0, self.distance)),
        ]
        with m.If(valid2 & ~self.hold if self.holds else valid2):
            # base - total = base + ~total + 1: one adder with its operand inverted for the dot product.
            m.d.sync += self.distance.eq(base + (total ^ minus2.replicate(len(total))).as_signed() + Cat(minus2, 0))
        m.d.sync += self.out_valid.eq(valid2 & last2)
        return m

    def _elaborate_up5k(self) -> Module:
        """The same with six SB_MAC16 and few logic cells."""
        m = Module()
        is_l2, is_dot, is_sum = (Signal(name=n) for n in ("is_l2", "is_dot", "is_sum"))
        m.d.comb += [is_dot.eq(self.mode == 1), is_sum.eq(self.mode[1]), is_l2.eq(self.mode == 0)]
        l2_1, dot_1 = Signal(), Signal()
        valid1, first1, valid2, first2, last1, last2 = (
            Signal(name=n) for n in ("valid1", "first1", "valid2", "first2", "last1", "last2")
        )
        m.d.sync += [
            *(l2_1.eq(is_l2), dot_1.eq(is_dot)),
            *(valid1.eq(self.valid), first1.eq(self.first), last1.eq(self.last)),
            *(valid2.eq(valid1), first2.eq(first1), last2.eq(last1)),
        ]

        # Stage 1: operands; the multipliers register b. A lane that is off has a = 0. In a sum beat the query is
        # all ones, so that "and" chooses the weight.
        weight = Signal(9)
        m.d.comb += weight.eq(Mux(is_sum, self.weight, (1 << 9) - 1))
        lanes = []
        for lane, enable in enumerate(self.lane_mask):
            query, row = Signal(signed(9), name=f"query{lane}"), Signal(signed(9), name=f"row{lane}")
            a, b_next = Signal(signed(9), name=f"a{lane}"), Signal(signed(9), name=f"b_next{lane}")
            m.d.comb += [
                query.eq(self.query.word_select(lane, 8).as_signed()),
                row.eq(self.row.word_select(lane, 8).as_signed()),
            ]
            # row - query, or just the row: a cell a bit.
            carry: Value = Const(1, 1)
            for bit in range(9):
                out, carry = carry_cell(
                    m,
                    f"difference{lane}_{bit}",
                    lambda l2, row, minus, carry: row ^ minus ^ carry if l2 else row,
                    i0=is_l2,
                    a=row[bit],
                    b=~query[bit],
                    carry=carry,
                )
                m.d.comb += b_next[bit].eq(out)
            with m.If(enable):
                m.d.sync += a.eq(Mux(is_l2, b_next, query & weight))
            with m.Else():
                m.d.sync += a.eq(0)
            lanes.append((a, b_next))

        # Stage 2: products. Lanes 0 and 1, 2 and 3 share a multiplier of signed 8-bit numbers each. An operand beyond
        # that range is 256 t away, t = 1 or -1, which is put right in the sum: by 512 t (low byte + 128 t) when it is
        # squared, by 256 b for a weight. Minus 512 low is written as its complement; the missing 1 is `odd`.
        shared = []
        for pair in range(2):
            fixes = []
            for lane in (2 * pair, 2 * pair + 1):
                _, b = lanes[lane]
                choice, odd = Signal(2, name=f"choice{lane}"), Signal(name=f"odd{lane}")
                above, below, heavy = (Signal(name=f"{n}{lane}") for n in ("above", "below", "heavy"))
                fix = Signal(16, name=f"fix{lane}")
                m.d.comb += [
                    above.eq(is_l2 & ~b[8] & b[7] & self.lane_mask[lane]),
                    below.eq(is_l2 & b[8] & ~b[7] & self.lane_mask[lane]),
                    heavy.eq(is_sum & self.weight[7] & self.lane_mask[lane]),
                    choice.eq(Cat(above | heavy, below | heavy)),
                    fix[:8].eq(below.replicate(8)),
                    fix[8].eq(Mux(heavy, b[0], below)),
                    fix[9:].eq(Mux(choice[0], Mux(choice[1], b[1:8], b[:7]), Mux(choice[1], ~b[:7], 0))),
                ]
                m.d.sync += odd.eq(below)
                fixes.append((fix, odd))
            (low_fix, low_odd), (high_fix, high_odd) = fixes
            (low_a, low_b), (high_a, high_b) = lanes[2 * pair : 2 * pair + 2]
            out, _ = mac16(
                m,
                f"pair{pair}",
                a=Cat(low_a[:8], high_a[:8]),
                b=Cat(low_b[:8], high_b[:8]),
                c=high_fix,
                d=low_fix,
                subtract=dot_1,
                MODE_8x8=1,
                A_SIGNED=1,
                B_SIGNED=1,
                B_REG=1,
                C_REG=1,
                D_REG=1,
                TOPADDSUB_LOWERINPUT=1,
                TOPADDSUB_UPPERINPUT=1,
                BOTADDSUB_LOWERINPUT=1,
                BOTADDSUB_UPPERINPUT=1,
            )
            for half, odd in ((out[:16], low_odd), (out[16:], high_odd)):
                # A squared difference takes all 16 bits, without a sign.
                shared.append((Cat(half, ~l2_1 & half[15]).as_signed(), odd))
        products = []
        for number, ((a, b), (addend, odd)) in enumerate(zip(lanes[4:], shared, strict=True)):
            extended = Signal(signed(32), name=f"addend{number}")
            m.d.comb += extended.eq(addend)
            out, _ = mac16(
                m,
                f"lane{number}",
                a=a,
                b=b,
                c=extended[16:],
                d=extended[:16],
                subtract=dot_1,
                carry_in=odd,
                A_SIGNED=1,
                B_SIGNED=1,
                B_REG=1,
                TOPOUTPUT_SELECT=1,
                TOPADDSUB_LOWERINPUT=2,
                TOPADDSUB_UPPERINPUT=1,
                TOPADDSUB_CARRYSELECT=2,
                BOTOUTPUT_SELECT=1,
                BOTADDSUB_LOWERINPUT=2,
                BOTADDSUB_UPPERINPUT=1,
                BOTADDSUB_CARRYSELECT=3,
            )
            products.append(out[:20].as_signed())

        # Stage 3: the rest of the adder tree and the accumulator.
        total, added = Signal(self.distance.shape()), Signal(self.distance.shape())
        m.d.comb += [
            total.eq((products[0] + products[1]) + (products[2] + products[3])),
            added.eq(self.distance + total),
        ]
        with m.If(valid2 & ~self.hold if self.holds else valid2):
            m.d.sync += self.distance.eq(Mux(first2, total, added))
        m.d.sync += self.out_valid.eq(valid2 & last2)
        return m
