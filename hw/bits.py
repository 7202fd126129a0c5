"""Small gate-level helpers shared by the units."""

from collections.abc import Iterable, Sequence

from amaranth.hdl import Cat, Const, Mux, Value, ValueLike

__all__ = ["any_of", "at_least_two", "cat_key", "lowest_bit", "parts", "saturate", "select"]


def any_of(values: Iterable[Value]) -> Value:
    """Bitwise or, as a balanced tree."""
    level = list(values)
    while len(level) > 1:
        paired = [a | b for a, b in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[2 * len(paired) :]
    return level[0]


def parts(value: Value, width: int) -> list[Value]:
    """The value cut into pieces of ``width`` bits, lowest first."""
    return [value[low : low + width] for low in range(0, len(value), width)]


def cat_key(key: Value, core: Value, index: Value) -> Value:
    """A signed number that orders entries by (key signed, core, index)."""
    return Cat(index, core, key).as_signed()


def at_least_two(bits: Value) -> Value:
    """Whether more than one bit is set. A balanced tree: it is ready long before the bits without the lowest are."""
    level: list[tuple[Value, Value]] = [(bit, Const(0, 1)) for bit in bits]
    while len(level) > 1:
        paired: list[tuple[Value, Value]] = []
        for (low_any, low_two), (high_any, high_two) in zip(level[::2], level[1::2], strict=True):
            paired.append((low_any | high_any, low_two | high_two | (low_any & high_any)))
        level = paired
    return level[0][1]


def lowest_bit(bits: Value) -> Value:
    """Index of the lowest set bit; 0 if none is set. A balanced tree of log2(width) levels."""

    def encode(group: Sequence[Value]) -> tuple[Value, list[Value]]:
        if len(group) == 1:
            return group[0], []
        half = len(group) // 2
        low_any, low_index = encode(group[:half])
        high_any, high_index = encode(group[half:])
        index = [Mux(low_any, low, high) for low, high in zip(low_index, high_index, strict=True)]
        return low_any | high_any, [*index, high_any & ~low_any]

    _, index = encode(list(bits))
    return Cat(*index)


def select(options: Sequence[ValueLike], choice: Value) -> Value:
    """``options[choice]`` as a balanced multiplexer tree; 0 past the end."""
    level: list[ValueLike] = list(options)
    for bit in choice:
        if len(level) % 2:
            level.append(Const(0))
        level = [Mux(bit, high, low) for low, high in zip(level[::2], level[1::2], strict=True)]
    return Value.cast(level[0])


def saturate(value: Value, width: int) -> Value:
    """The signed value clamped to ``width`` bits: out of range if the bits from the new sign up are not all equal."""
    if len(value) <= width:
        return value
    top, sign = value[width - 1 :], value[-1]
    fits = top.all() | ~top.any()
    return Cat(Mux(fits, value[: width - 1], (~sign).replicate(width - 1)), sign).as_signed()
