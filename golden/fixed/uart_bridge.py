"""The UART bridge: packets on a serial line, transactions on the bus."""

import numpy as np

from golden.fixed.bits import BoolArray, I64Array
from golden.fixed.uart import UartLine
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, unsigned
from golden.spec import Config
from golden.spec.registers import ADDR_WIDTH, DATA_WIDTH
from golden.spec.uart import CRC_POLY, SYNC, UartCommand, UartStatus

HUNTING, SECOND, CHECKSUM = 0, 2, 7
"""Places in a packet: no sync byte yet, the second byte of the head or the status, the checksum."""


class UartBridge(Unit):
    """Requests in on ``rx``, one bus transaction for each that is intact, replies out on ``tx``.

    Inputs: ``rx``; ``m_axil_awready``, ``wready``, ``bresp`` (2), ``bvalid``, ``arready``, ``rdata`` (32),
    ``rresp`` (2), ``rvalid``. Outputs: ``tx``; ``m_axil_awaddr`` (12), ``awprot`` (3), ``awvalid``, ``wdata`` (32),
    ``wstrb`` (4), ``wvalid``, ``bready``, ``araddr`` (12), ``arprot`` (3), ``arvalid``, ``rready``.
    ``config`` has no influence.
    """

    def __init__(self, config: Config, n_streams: int = 1, *, divisor: int, timeout_width: int = 10) -> None:
        super().__init__(config, n_streams)
        self._line = UartLine(config, n_streams, divisor=divisor, timeout_width=timeout_width)
        self._place, self._head, self._data = (self._zeros() for _ in range(3))
        self._crc = self._zeros() + SYNC
        self._sending, self._on_bus = self._flags(), self._flags()
        self._awvalid, self._wvalid, self._arvalid = (self._flags() for _ in range(3))

    def step(self, inputs: Inputs) -> Outputs:
        line, place, sending = self._line, self._place, self._sending
        outputs = self._outputs()
        has_bit, byte, silent = line.settle(sending, self._on_bus)
        level, receiving, last_sent = line.level, line.receiving, line.tx
        bit_out = np.where(place == CHECKSUM, self._crc & 1, self._head & 1) == 1
        line.advance(flag(inputs, "rx"), sending, self._on_bus, bit_out)

        # What this cycle decides.
        write = self._head >> 15 == 1
        response = np.where(write, unsigned(inputs, "m_axil_bresp", 2), unsigned(inputs, "m_axil_rresp", 2))
        done = self._on_bus & np.where(write, flag(inputs, "m_axil_bvalid"), flag(inputs, "m_axil_rvalid"))
        received, intact = byte & ~sending, self._crc == 0
        complete = received & level & (place == CHECKSUM)
        known = np.isin(self._head >> ADDR_WIDTH, list(UartCommand))
        goes = complete & intact & known
        too_late = silent & (place != HUNTING)
        faults = {
            UartStatus.CHECKSUM: complete & ~intact,
            UartStatus.COMMAND: complete & intact & ~known,
            UartStatus.FRAMING: received & ~level & (place != HUNTING),
            UartStatus.TIMEOUT: too_late,
        }
        with_data = done & ~write & (response < UartStatus.SLVERR)
        status = np.where(done, response, 0) | np.where(with_data, int(UartStatus.DATA), 0)
        reply = done.copy()
        for fault, happens in faults.items():
            status |= np.where(happens, int(fault), 0)
            reply |= happens

        # Bits.
        value = np.where(sending, bit_out, level)
        self._shift(has_bit, value, level)
        self._crc = np.where((place == HUNTING) & ~receiving, SYNC, self._crc)

        # Places: a packet without data goes from its second byte to its checksum.
        short = (place == SECOND) & ~np.where(sending, last_sent, write)
        stays = (place == HUNTING) & ~(level & intact)
        after = np.where(short, CHECKSUM, np.where(stays, HUNTING, (place + 1) % 8))
        self._place = np.where(reply, 1, np.where(byte, after, place))
        self._sending = reply | (sending & ~(byte & (place == CHECKSUM)))

        # The bus.
        self._on_bus = goes | (self._on_bus & ~done)
        self._awvalid = (goes & write) | (self._awvalid & ~flag(inputs, "m_axil_awready"))
        self._wvalid = (goes & write) | (self._wvalid & ~flag(inputs, "m_axil_wready"))
        self._arvalid = (goes & ~write) | (self._arvalid & ~flag(inputs, "m_axil_arready"))
        self._data = np.where(done, unsigned(inputs, "m_axil_rdata", DATA_WIDTH), self._data)
        self._head = np.where(reply, status << 8 | SYNC, self._head)
        self._crc = np.where(reply, SYNC, self._crc)
        return outputs

    def _outputs(self) -> Outputs:
        addr = (self._head % (1 << ADDR_WIDTH)).astype(np.uint64)
        constant = np.zeros(self.n_streams, dtype=np.uint64)
        ports = {
            "awaddr": addr,
            "awprot": constant,
            "awvalid": bit(self._awvalid),
            "wdata": self._data.astype(np.uint64),
            "wstrb": constant + np.uint64(0b1111),
            "wvalid": bit(self._wvalid),
            "bready": bit(self._on_bus),
            "araddr": addr,
            "arprot": constant,
            "arvalid": bit(self._arvalid),
            "rready": bit(self._on_bus),
        }
        return {"tx": bit(self._line.tx)} | {f"m_axil_{name}": value for name, value in ports.items()}

    def _shift(self, has_bit: BoolArray, value: BoolArray, level: BoolArray) -> None:
        """A bit of a byte: into the checksum, and into or out of head and data."""
        place, sending, head, data = self._place, self._sending, self._head, self._data
        self._crc = np.where(has_bit, crc_step(self._crc, value), self._crc)
        to_head = has_bit & (sending | (place <= SECOND))
        to_data = has_bit & (sending | ((place > SECOND) & (place < CHECKSUM)))
        self._head = np.where(to_head, head >> 1 | np.where(sending, data & 1, level) << 15, head)
        self._data = np.where(to_data, data >> 1 | level.astype(np.int64) << (DATA_WIDTH - 1), data)


def crc_step(crc: I64Array, value: BoolArray) -> I64Array:
    """The checksum after one more bit."""
    return crc >> 1 ^ np.where((crc & 1) ^ value, CRC_POLY, 0)
