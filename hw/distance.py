"""Distance unit: squared L2, dot product and weighted sums over the lanes of a slice."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from hw.bits import parts
from hw.ice40 import carry_cell, mac16, on_up5k

__all__ = ["Distance"]


class Distance(wiring.Component):
    """Accumulates one chunk of lanes a cycle into a distance.

    Formula: L2 ``sum (query - row)^2``; dot ``-sum query * row``; sum ``sum weight * row``, over the beats from
    ``first`` to ``last`` and the lanes in ``lane_mask``. Integer, exact for 16 dimensions; modulo 2**key_width.

    Parameters: config. Ports: query and row are packed lanes of signed elements; distance is signed, in squared
    element units. Latency 3 cycles from the last beat to ``out_valid``; throughput one beat a cycle, bubbles allowed.

    On an UltraPlus, 8 lanes take six SB_MAC16: two lanes share one as two products of 8 bits each, and the SB_MAC16 of
    the other lanes add those to their own product. There the query must read as -1 in every lane in a sum beat.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
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
        )

    def elaborate(self, platform: object) -> Module:
        if on_up5k(platform) and (self.config.lanes, self.config.element_width) == (8, 8):
            return self._elaborate_up5k()
        m = Module()
        config = self.config
        operand = signed(max(config.element_width + 1, 9))

        is_dot = Signal()
        is_sum = Signal()
        m.d.comb += [is_dot.eq(self.mode == 1), is_sum.eq(self.mode[1])]

        # Stage 1: operands. One multiplier a lane serves all three modes.
        valid1, first1, last1, minus1 = Signal(), Signal(), Signal(), Signal()
        valid2, first2, last2, minus2 = Signal(), Signal(), Signal(), Signal()
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
            query, row = query_bits.as_signed(), row_bits.as_signed()
            a, b = Signal(operand, name=f"a{lane}"), Signal(operand, name=f"b{lane}")
            a_next, b_next = Signal(operand, name=f"a_next{lane}"), Signal(operand, name=f"b_next{lane}")
            difference = Signal(operand, name=f"difference{lane}")
            weight = Signal(operand, name=f"weight{lane}")
            m.d.comb += [
                difference.eq(query - row),
                weight.eq(self.weight),
                a_next.eq(Mux(is_sum, weight, Mux(is_dot, query, difference))),
                b_next.eq(Mux(is_sum | is_dot, row, difference)),
            ]
            with m.If(self.valid):
                m.d.sync += [a.eq(Mux(enable, a_next, 0)), b.eq(Mux(enable, b_next, 0))]
            product = Signal(signed(2 * len(a)), name=f"product{lane}")
            m.d.sync += product.eq(a * b)
            products.append(product)

        # Stage 3: a balanced adder tree, then the accumulator.
        level = products
        while len(level) > 1:
            level = [low + high for low, high in zip(level[::2], level[1::2], strict=True)]
        total = Signal(self.distance.shape())
        base = Signal(self.distance.shape())
        m.d.comb += [
            total.eq(level[0]),
            base.eq(Mux(first2, 0, self.distance)),
        ]
        with m.If(valid2):
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
        with m.If(valid2):
            m.d.sync += self.distance.eq(Mux(first2, total, added))
        m.d.sync += self.out_valid.eq(valid2 & last2)
        return m
