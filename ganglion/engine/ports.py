"""Ports of a hardware unit, and the 64-bit words that stimuli and traces are made of.

A row of a stimulus holds the words of every input in order of declaration, a row of a trace those of every output.
A port of up to 64 bits takes one word; a wider one takes ``ceil(width / 64)`` consecutive words, least significant
first. Signed ports are stored as two's complement bits, masked to the width of the port.

The clock (an input named ``clk``) is never part of a row. The synchronous reset of the ``sync`` domain is: it is the
last input word, named ``rst``, and 0 unless the stimulus says otherwise. A component that declares an input ``rst`` of
its own keeps it at its place instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from amaranth.hdl import Shape
from amaranth.lib import wiring

__all__ = ["CLOCK", "RESET", "PortMap", "PortSpec", "U64Array", "pack", "port_map", "unpack"]

U64Array = npt.NDArray[np.uint64]
CLOCK = "clk"
RESET = "rst"
WORD_BITS = 64
WORD_MASK = (1 << WORD_BITS) - 1


@dataclass(frozen=True)
class PortSpec:
    """One port: ``width`` bits at words ``word_offset .. word_offset + n_words - 1`` of a row of its direction."""

    name: str
    width: int
    signed: bool
    direction: Literal["in", "out"]
    word_offset: int
    n_words: int

    @property
    def word_masks(self) -> U64Array:
        """The bits in use of each word of the port, ``[n_words]``."""
        mask = (1 << self.width) - 1
        return np.array([(mask >> (WORD_BITS * i)) & WORD_MASK for i in range(self.n_words)], dtype=np.uint64)

    @property
    def words(self) -> slice:
        """Where the port stands in a row."""
        return slice(self.word_offset, self.word_offset + self.n_words)

    def to_int(self, words: Iterable[int]) -> int:
        """The value of the port, sign extended if it is signed, from its words (least significant first)."""
        value = sum(int(word) << (WORD_BITS * i) for i, word in enumerate(words))
        if self.signed and self.width and value >> (self.width - 1):
            value -= 1 << self.width
        return value


@dataclass(frozen=True)
class PortMap:
    """All ports of a unit. ``inputs`` leaves out the clock and includes the reset."""

    inputs: tuple[PortSpec, ...]
    outputs: tuple[PortSpec, ...]

    @property
    def n_in_words(self) -> int:
        """Words in a row of a stimulus."""
        return sum(port.n_words for port in self.inputs)

    @property
    def n_out_words(self) -> int:
        """Words in a row of a trace."""
        return sum(port.n_words for port in self.outputs)

    @property
    def in_masks(self) -> U64Array:
        """The bits in use of every word of a stimulus row, ``[n_in_words]``."""
        return np.concatenate([np.zeros(0, np.uint64), *(port.word_masks for port in self.inputs)])

    def input(self, name: str) -> PortSpec:
        """The input of that name; ValueError names the inputs there are."""
        return _find(self.inputs, name, "input")

    def output(self, name: str) -> PortSpec:
        """The output of that name; ValueError names the outputs there are."""
        return _find(self.outputs, name, "output")

    def output_of_word(self, word: int) -> PortSpec:
        """The output that trace word ``word`` belongs to."""
        for port in self.outputs:
            if port.word_offset <= word < port.word_offset + port.n_words:
                return port
        raise ValueError(f"trace word {word} is out of range: a row has {self.n_out_words} words")

    def word_name(self, word: int) -> str:
        """Signal name of trace word ``word``: the port's name, with ``[i]`` for word i of a port over 64 bits."""
        port = self.output_of_word(word)
        return port.name if port.n_words == 1 else f"{port.name}[{word - port.word_offset}]"

    def check_stimulus(self, stimulus: npt.ArrayLike, n_dims: int) -> U64Array:
        """``stimulus`` as a C-contiguous uint64 array of ``n_dims`` dimensions whose last one is ``n_in_words`` long.

        Raises:
            TypeError: the elements are not integers.
            ValueError: wrong shape, a negative value, or bits set beyond the width of a port (named).
        """
        array = _as_words(stimulus, "stimulus")
        if array.ndim != n_dims or array.shape[-1] != self.n_in_words:
            axes = ["n_streams", "n_cycles"][2 - (n_dims - 1) :]
            wanted = ", ".join([*axes, str(self.n_in_words)])
            names = ", ".join(port.name for port in self.inputs)
            raise ValueError(f"stimulus has shape {array.shape}, expected ({wanted}): the words of {names}")
        stray = array & ~self.in_masks
        if stray.any():
            where = tuple(int(i) for i in np.argwhere(stray)[0])
            port = next(p for p in self.inputs if p.word_offset <= where[-1] < p.word_offset + p.n_words)
            raise ValueError(
                f"stimulus row {where[:-1]}: word {int(array[where]):#x} of input {port.name!r} "
                f"does not fit its {port.width} bits"
            )
        return np.ascontiguousarray(array)


def port_map(component: wiring.Component) -> PortMap:
    """The ports of ``component``, in order of declaration, from its signature.

    Raises:
        TypeError: ``component`` has no wiring signature.
        ValueError: a port is not flat (a nested interface or an array of ports), or is called ``clk`` or ``rst`` but
            is not a one-bit input.
    """
    signature = getattr(component, "signature", None)
    if not isinstance(signature, wiring.Signature):
        raise TypeError(f"expected an amaranth.lib.wiring.Component, got {component!r}")
    # Whoever asks for the ports uses the component, even if a bad stimulus or a copy keeps it from being elaborated.
    vars(component)["_MustUse__used"] = True
    sides: dict[str, list[PortSpec]] = {"in": [], "out": []}
    offsets = {"in": 0, "out": 0}

    def add(name: str, shape: Shape, direction: Literal["in", "out"]) -> None:
        n_words = -(-shape.width // WORD_BITS)
        sides[direction].append(PortSpec(name, shape.width, shape.signed, direction, offsets[direction], n_words))
        offsets[direction] += n_words

    has_reset = False
    for name, member in signature.members.items():
        if not member.is_port or member.dimensions:
            raise ValueError(f"port {name!r} of {type(component).__name__} is not flat: {member!r}")
        shape = Shape.cast(member.shape)
        direction: Literal["in", "out"] = "in" if member.flow == wiring.In else "out"
        if name in (CLOCK, RESET) and (direction, shape.width) != ("in", 1):
            raise ValueError(f"port {name!r} of {type(component).__name__} must be a one-bit input, not {member!r}")
        if name != CLOCK:
            add(name, shape, direction)
            has_reset = has_reset or name == RESET
    if not has_reset:
        add(RESET, Shape(1), "in")
    return PortMap(tuple(sides["in"]), tuple(sides["out"]))


def pack(
    ports: Iterable[PortSpec], arrays: Mapping[str, npt.ArrayLike], *, shape: tuple[int, ...] | None = None
) -> U64Array:
    """Arrays by port name -> rows of words ``[*shape, n_words]``.

    Args:
        ports: ports of one direction, in order.
        arrays: integers of shape ``shape`` (for instance ``(n_cycles,)`` or ``(n_streams, n_cycles)``), with one more
            axis of ``n_words`` for ports over 64 bits. Signed ports take their value or its two's complement bits.
            Ports that are left out are 0.
        shape: the leading shape; taken from the arrays when None.

    Raises:
        TypeError: an array does not hold integers.
        ValueError: an unknown port, a shape that does not fit, or a value beyond the width of its port.
    """
    ports = tuple(ports)
    known = {port.name: port for port in ports}
    for name in arrays:
        if name not in known:
            raise ValueError(f"unknown port {name!r}: expected one of {', '.join(known)}")
    packed: dict[str, U64Array] = {}
    for name, values in arrays.items():
        packed[name] = _port_words(known[name], values)
        lead = packed[name].shape[:-1]
        if shape is None:
            shape = lead
        elif lead != shape:
            raise ValueError(f"port {name!r} has leading shape {lead}, expected {shape}")
    if shape is None:
        raise ValueError("no arrays and no shape given: the number of cycles is unknown")
    rows = np.zeros((*shape, sum(port.n_words for port in ports)), dtype=np.uint64)
    for name, words in packed.items():
        rows[..., known[name].words] = words
    return rows


def unpack(ports: Iterable[PortSpec], rows: npt.ArrayLike) -> dict[str, U64Array]:
    """Rows of words ``[..., n_words]`` -> arrays by port name: ``[...]``, or ``[..., n_words]`` for over 64 bits.

    The arrays are views. Signed ports stay two's complement bits; see :meth:`PortSpec.to_int` for single values.
    """
    ports = tuple(ports)
    words = _as_words(rows, "rows")
    n_words = sum(port.n_words for port in ports)
    if words.ndim == 0 or words.shape[-1] != n_words:
        raise ValueError(f"rows have shape {words.shape}, expected the last axis to hold {n_words} words")
    return {port.name: words[..., port.word_offset] if port.n_words == 1 else words[..., port.words] for port in ports}


def _find(ports: tuple[PortSpec, ...], name: str, kind: str) -> PortSpec:
    for port in ports:
        if port.name == name:
            return port
    raise ValueError(f"unknown {kind} {name!r}: expected one of {', '.join(port.name for port in ports)}")


def _as_integers(values: npt.ArrayLike, what: str) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if array.dtype == np.bool_:
        array = array.astype(np.uint64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{what} must hold integers, not {array.dtype}")
    return array


def _as_words(values: npt.ArrayLike, what: str) -> U64Array:
    array = _as_integers(values, what)
    if array.dtype.kind == "i" and array.size and array.min() < 0:
        raise ValueError(f"{what} holds the negative value {array.min()}: words are unsigned")
    return array.astype(np.uint64, copy=False)


def _port_words(port: PortSpec, values: npt.ArrayLike) -> U64Array:
    """The words ``[..., n_words]`` of one port's values."""
    array = _as_integers(values, f"port {port.name!r}")
    if port.n_words != 1:
        words = _as_words(array, f"port {port.name!r}")
        if words.ndim == 0 or words.shape[-1] != port.n_words:
            raise ValueError(
                f"port {port.name!r} is {port.width} bits wide: its last axis must hold {port.n_words} words, "
                f"not shape {words.shape}"
            )
        if (words & ~port.word_masks).any():
            where = tuple(int(i) for i in np.argwhere(words & ~port.word_masks)[0])
            raise ValueError(f"port {port.name!r}: word {int(words[where]):#x} exceeds its {port.width} bits")
        return words
    low, high = (-(1 << (port.width - 1)) if port.signed else 0), (1 << port.width) - 1
    if array.size:
        for extreme in (int(array.min()), int(array.max())):
            if not low <= extreme <= high:
                kind = "signed" if port.signed else "unsigned"
                raise ValueError(f"port {port.name!r} ({port.width} bits, {kind}): {extreme} is out of range")
    return (array.astype(np.uint64) & port.word_masks[0])[..., np.newaxis]
