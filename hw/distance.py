"""Distance unit: squared L2, dot product and weighted sums over the lanes of a slice."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import Config
from hw.bits import parts

__all__ = ["Distance"]


class Distance(wiring.Component):
    """Accumulates one chunk of lanes a cycle into a distance.

    Formula: L2 ``sum (query - row)^2``; dot ``-sum query * row``; sum ``sum weight * row``, over the beats from
    ``first`` to ``last`` and the lanes in ``lane_mask``. Integer, exact for 16 dimensions; modulo 2**key_width.

    Parameters: config. Ports: query and row are packed lanes of signed elements; distance is signed, in squared
    element units. Latency 3 cycles from the last beat to ``out_valid``; throughput one beat a cycle, bubbles allowed.
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
