"""The compact classifier: events of hashed features in, class and scores out."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from golden.spec.compact import CODE_WIDTH, LANE_WIDTH, N_BANKS, N_LANES, WEIGHT_WIDTH, WORD_WIDTH, CompactShape
from hw.bank import Bank
from hw.bits import parts, saturate, select

__all__ = ["CompactClassifier"]


class CompactClassifier(wiring.Component):
    """``score[k] = sum over events of codebook[code(event)][k]``; the winner is the first of the largest.

    An event's code stands in the word of the lowest of four banks whose fingerprint is the event's. Three stages: look
    up (B), read the code book (C), add to four scores (D). One cycle an event and group of four classes, one cycle if
    the code is 0; ``done`` at the latest 3 cycles and one a class after the last. A write to a bank takes its port for
    the cycle: ``ready`` is 0 then.

    ``shared_banks``: the banks are outside, behind ``bank_rows`` (each bank's row), ``bank_read``, ``bank_write`` (a
    bit a bank), ``bank_value`` and ``bank_words``.

    Ports, widths and cycles: ``docs/contract_events.md``.
    """

    def __init__(self, shape: CompactShape, *, shared_banks: bool = False) -> None:
        self.shape, self.shared_banks = shape, shared_banks
        outside = {
            "bank_rows": Out(N_BANKS * shape.row_width),
            "bank_read": Out(1),
            "bank_write": Out(N_BANKS),
            "bank_value": Out(WORD_WIDTH),
            "bank_words": In(N_BANKS * WORD_WIDTH),
        }
        super().__init__(
            {
                "clear": In(1),
                "valid": In(1),
                "rows": In(N_BANKS * shape.row_width),
                "tag": In(WORD_WIDTH),
                "finish": In(1),
                "code_mask": In(CODE_WIDTH),
                "last_class": In(shape.class_width),
                "score_index": In(shape.class_width),
                "write": In(1),
                "write_codebook": In(1),
                "write_addr": In(shape.write_addr_width),
                "write_data": In(N_LANES * WEIGHT_WIDTH),
                "ready": Out(1),
                "done": Out(1),
                "winner": Out(shape.class_width),
                "best": Out(signed(shape.score_width)),
                "score": Out(signed(shape.score_width)),
            }
            | (outside if shared_banks else {})
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.shape
        gathering, scanning, accepted, bank_write = Signal(), Signal(), Signal(), Signal()
        b_valid, tag = Signal(), Signal(WORD_WIDTH)
        c_valid, moves, code = Signal(), Signal(), Signal(CODE_WIDTH)
        d_valid, scan = Signal(), Signal(shape.class_width)
        group, d_group = Signal(shape.group_width), Signal(shape.group_width)
        m.d.comb += [
            bank_write.eq(self.write & ~self.write_codebook),
            moves.eq(~c_valid | (group == self.last_class[LANE_WIDTH:])),
            self.ready.eq(gathering & ~self.clear & ~bank_write & (~b_valid | moves)),
            accepted.eq(self.valid & self.ready),
        ]

        # B: the words of the event, and the code in the first that has its fingerprint.
        with m.If(accepted):
            m.d.sync += [b_valid.eq(1), tag.eq(self.tag)]
        with m.Elif(moves):
            m.d.sync += b_valid.eq(0)
        found: Value = Const(0, CODE_WIDTH)
        ignored = Cat(self.code_mask, Const(0, WORD_WIDTH - CODE_WIDTH))
        words = self._banks(m, accepted, bank_write)
        for bank, word in reversed(list(enumerate(words))):
            hit, nearest = Signal(name=f"hit{bank}"), Signal(CODE_WIDTH, name=f"found{bank}")
            m.d.comb += [
                hit.eq((ignored | ~(word ^ tag)).all()),
                nearest.eq(Mux(hit, word[:CODE_WIDTH] & self.code_mask, found)),
            ]
            found = nearest

        # C: the groups of the code, one a cycle.
        with m.If(moves):
            m.d.sync += [c_valid.eq(b_valid & found.any()), code.eq(found), group.eq(0)]
        with m.Else():
            m.d.sync += group.eq(group + 1)
        m.d.sync += [d_valid.eq(c_valid), d_group.eq(group)]

        # D: four scores at a time; the same multiplexer shows a score and feeds the scan.
        shown = Signal(shape.class_width)
        m.d.comb += shown.eq(
            Mux(scanning, scan, Mux(d_valid, Cat(self.score_index[:LANE_WIDTH], d_group), self.score_index))
        )
        self._add(m, d_valid, shown, self._weights(m, Cat(group, code)))

        with m.If(scanning):
            m.d.sync += scan.eq(scan + 1)
            with m.If((scan == 0) | (self.score > self.best)):
                m.d.sync += [self.best.eq(self.score), self.winner.eq(scan)]
        with m.Else():
            m.d.sync += scan.eq(0)
        with m.FSM() as fsm:
            m.d.comb += [
                gathering.eq(fsm.ongoing("GATHER")),
                scanning.eq(fsm.ongoing("SCAN")),
                self.done.eq(fsm.ongoing("DONE")),
            ]
            with m.State("GATHER"), m.If(self.finish & ~self.clear & (self.ready | ~self.valid)):
                m.next = "DRAIN"
            with m.State("DRAIN"):
                with m.If(self.clear):
                    m.next = "GATHER"
                with m.Elif(~b_valid & ~c_valid):
                    m.next = "SCAN"
            with m.State("SCAN"):
                with m.If(self.clear):
                    m.next = "GATHER"
                with m.Elif(scan == self.last_class):
                    m.next = "DONE"
            with m.State("DONE"), m.If(self.clear):
                m.next = "GATHER"
        with m.If(self.clear):
            m.d.sync += [b_valid.eq(0), c_valid.eq(0), d_valid.eq(0)]
        return m

    def _banks(self, m: Module, read: Value, write: Value) -> list[Value]:
        """The words of the event in the four banks, a cycle after ``read``. A bank has one port."""
        row_width = self.shape.row_width
        number = self.write_addr[row_width : row_width + (N_BANKS - 1).bit_length()]
        rows = [Mux(write, self.write_addr[:row_width], row) for row in parts(self.rows, row_width)]
        writes = [write & (number == bank) for bank in range(N_BANKS)]
        if self.shared_banks:
            m.d.comb += [
                self.bank_rows.eq(Cat(*rows)),
                self.bank_read.eq(read),
                self.bank_write.eq(Cat(*writes)),
                self.bank_value.eq(self.write_data[:WORD_WIDTH]),
            ]
            return parts(self.bank_words, WORD_WIDTH)
        words = []
        for number_of_bank, (row, writes_here) in enumerate(zip(rows, writes, strict=True)):
            m.submodules[f"bank{number_of_bank}"] = bank = Bank(width=WORD_WIDTH, addr_width=row_width)
            m.d.comb += [
                bank.addr.eq(row),
                bank.read.eq(read),
                bank.write.eq(writes_here),
                bank.write_data.eq(self.write_data[:WORD_WIDTH]),
            ]
            words.append(bank.data)
        return words

    def _weights(self, m: Module, addr: Value) -> list[Value]:
        """The four weights at ``addr`` in the code book, a cycle later."""
        m.submodules.codebook = store = memory.Memory(
            shape=N_LANES * WEIGHT_WIDTH, depth=1 << self.shape.codebook_addr_width, init=[]
        )
        read_port, write_port = store.read_port(), store.write_port()
        m.d.comb += [
            read_port.addr.eq(addr),
            write_port.addr.eq(self.write_addr[: self.shape.codebook_addr_width]),
            write_port.data.eq(self.write_data),
            write_port.en.eq(self.write & self.write_codebook),
        ]
        return [weight.as_signed() for weight in parts(read_port.data, WEIGHT_WIDTH)]

    def _add(self, m: Module, adds: Value, shown: Value, weights: list[Value]) -> None:
        """The scores: class ``shown`` is shown; when ``adds``, those of its group add ``weights``."""
        lane, group = shown[:LANE_WIDTH], shown[LANE_WIDTH:]
        width, now = self.shape.score_width, []
        for number, weight in enumerate(weights):
            scores = [
                Signal(signed(width), name=f"score{N_LANES * place + number}") for place in range(self.shape.n_groups)
            ]
            old, new = Signal(signed(width), name=f"old{number}"), Signal(signed(width), name=f"new{number}")
            total = Signal(signed(width + 1), name=f"total{number}")
            m.d.comb += [old.eq(select(scores, group)), total.eq(old + weight), new.eq(saturate(total, width))]
            for place, score in enumerate(scores):
                with m.If(self.clear):
                    m.d.sync += score.eq(0)
                with m.Elif(adds & (group == place)):
                    m.d.sync += score.eq(new)
            now.append(old)
        m.d.comb += self.score.eq(select(now, lane))
