"""What the cycle-exact models of the hardware units share."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from golden.fixed.bits import BoolArray, I64Array, U64Array, mask, to_signed
from golden.spec import Config

Inputs = Mapping[str, U64Array]
Outputs = dict[str, U64Array]


class Unit(ABC):
    """``n_streams`` independent copies of one hardware unit, a clock cycle at a time, as ``docs/contract.md`` says.

    A new object is in the state after reset. Attributes: ``config``, ``n_streams``.
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        if not isinstance(config, Config):
            raise TypeError(f"config must be a Config, got {config!r}")
        if isinstance(n_streams, bool) or not isinstance(n_streams, int):
            raise TypeError(f"n_streams must be an integer, got {n_streams!r}")
        if n_streams < 1:
            raise ValueError(f"n_streams must be at least 1, got {n_streams}")
        self.config = config
        self.n_streams = n_streams

    @abstractmethod
    def step(self, inputs: Inputs) -> Outputs:
        """One clock cycle: the outputs for these inputs, then the clock edge.

        Inputs and outputs are arrays by port name, ``[n_streams]`` uint64, or ``[n_streams, n_words]`` for a port of
        more than 64 bits (least significant word first). Signed ports hold two's complement bits.
        """

    def _zeros(self) -> I64Array:
        return np.zeros(self.n_streams, dtype=np.int64)

    def _flags(self) -> BoolArray:
        return np.zeros(self.n_streams, dtype=np.bool_)


def flag(inputs: Inputs, name: str) -> BoolArray:
    """A one-bit input as booleans."""
    return (inputs[name] & np.uint64(1)) != 0


def unsigned(inputs: Inputs, name: str, width: int) -> I64Array:
    """An unsigned input of up to 62 bits."""
    return (inputs[name] & np.uint64(mask(width))).astype(np.int64)


def signed(inputs: Inputs, name: str, width: int) -> I64Array:
    """A signed input of up to 62 bits."""
    return to_signed(inputs[name], width)


def bit(values: BoolArray) -> U64Array:
    """Booleans as a one-bit output."""
    return values.astype(np.uint64)
