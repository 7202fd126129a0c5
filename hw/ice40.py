"""What the units use of the iCE40's own cells: the same cycle contract in fewer logic cells.

A logic cell of the iCE40 holds a 4-input table, a carry cell and a flip-flop; the carry cell sees the table's middle
two inputs. Written out by hand, one cell can compare a bit, choose its successor and store it, where synthesis spends
two or three. Every function here is equivalent to its plain description elsewhere, and the netlist is checked
against the same models.
"""

from collections.abc import Callable

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal, Value, signed

__all__ = [
    "SortedRows",
    "carry_cell",
    "chosen_sum",
    "counted_or_loaded",
    "kept_and_compared",
    "mac16",
    "on_up5k",
    "table",
]

DEVICE = "iCE40UP5K"


def on_up5k(platform: object) -> bool:
    """Whether the design is elaborated for an iCE40 UltraPlus."""
    return getattr(platform, "device", None) == DEVICE


def table(function: Callable[[int, int, int, int], int]) -> int:
    """The initial value of an SB_LUT4 whose output is ``function(i0, i1, i2, i3)``."""
    return sum(bool(function(n & 1, n >> 1 & 1, n >> 2 & 1, n >> 3)) << n for n in range(16))


def carry_cell(
    m: Module,
    name: str,
    function: Callable[[int, int, int, int], int],
    *,
    i0: Value,
    a: Value,
    b: Value,
    carry: Value,
) -> tuple[Signal, Signal]:
    """One logic cell: ``function(i0, a, b, carry)`` and the majority of a, b and carry. Returns (output, carry out)."""
    out, carry_out = Signal(name=f"{name}_out"), Signal(name=f"{name}_carry")
    m.submodules[f"{name}_add"] = Instance("SB_CARRY", i_I0=a, i_I1=b, i_CI=carry, o_CO=carry_out)
    m.submodules[f"{name}_lut"] = Instance(
        "SB_LUT4", p_LUT_INIT=Const(table(function), 16), i_I0=i0, i_I1=a, i_I2=b, i_I3=carry, o_O=out
    )
    return out, carry_out


def chosen_sum(m: Module, name: str, base: Value, addend: Value, *, carry: Value, choose: Value) -> tuple[Value, Value]:
    """``base + addend + carry`` where ``choose`` is 1, else ``base``, in a logic cell a bit; and the sum's carry.

    The carry does not depend on ``choose``, which may follow from it.
    """
    bits = []
    for bit in range(len(base)):
        out, carry = carry_cell(
            m,
            f"{name}_{bit}",
            lambda chosen, a, b, c: a ^ (b ^ c) if chosen else a,
            i0=choose,
            a=base[bit],
            b=addend[bit],
            carry=carry,
        )
        bits.append(out)
    return Cat(*bits), carry


def counted_or_loaded(m: Module, name: str, count: Value, *, carry: Value, load: Value, value: Value) -> Value:
    """``load ? value : count + carry``, in a logic cell a bit."""
    bits = []
    for bit in range(len(count)):
        # While it loads, the carries mean nothing.
        out, carry = carry_cell(
            m,
            f"{name}_{bit}",
            lambda value, count, load, carry: value if load else count ^ carry,
            i0=value[bit],
            a=count[bit],
            b=load,
            carry=carry,
        )
        bits.append(out)
    return Cat(*bits)


def kept_and_compared(m: Module, name: str, number: Value, kept: Value, *, value: Value) -> tuple[Value, Value]:
    """(``~value``, to be kept; whether ``number >= ~kept``, without signs), in a logic cell a bit."""
    bits = []
    carry: Value = Const(1, 1)
    for bit in range(len(kept)):
        out, carry = carry_cell(
            m,
            f"{name}_{bit}",
            lambda value, *_: not value,
            i0=value[bit],
            a=number[bit],
            b=kept[bit],
            carry=carry,
        )
        bits.append(out)
    return Cat(*bits), carry


def mac16(
    m: Module,
    name: str,
    *,
    a: Value,
    b: Value,
    c: Value,
    d: Value,
    enable: Value | None = None,
    subtract: Value | None = None,
    carry_in: Value | None = None,
    **parameters: int,
) -> tuple[Signal, Signal]:
    """One SB_MAC16: the product of a and b plus c and d (or c and d minus the product, with ``subtract``).

    a to d take their low 16 bits, sign-extended where they are signed and shorter. Returns (the 32 output bits, carry
    out). Place and route takes every one of its ports for a register: what happens inside in a cycle is not timed, and
    must be little enough (a product takes less than 10 ns, a sum less than 4 ns).
    """
    out, carry_out = Signal(32, name=f"{name}_out"), Signal(name=f"{name}_carry")
    operands = {}
    for port, value in zip("ABCD", (a, b, c, d), strict=True):
        shape = value.shape()
        operands[port] = Signal(16 if not shape.signed else signed(16), name=f"{name}_{port.lower()}")
        m.d.comb += operands[port].eq(value)
    minus = Const(0, 1) if subtract is None else subtract
    unused: tuple[str, ...] = ("AHOLD", "BHOLD", "CHOLD", "DHOLD", "IRSTTOP", "IRSTBOT", "ORSTTOP", "ORSTBOT")
    unused += ("OLOADTOP", "OLOADBOT", "OHOLDTOP", "OHOLDBOT", "ACCUMCI", "SIGNEXTIN")
    m.submodules[name] = Instance(
        "SB_MAC16",
        **{
            f"p_{key}": Const(value, 2 if "SELECT" in key or "LOWERINPUT" in key else 1)
            for key, value in parameters.items()
        },
        **{f"i_{port}": Const(0, 1) for port in unused},
        **{f"i_{port}": value for port, value in operands.items()},
        i_CLK=ClockSignal(),
        i_CE=Const(1, 1) if enable is None else enable,
        i_ADDSUBTOP=minus,
        i_ADDSUBBOT=minus,
        i_CI=Const(0, 1) if carry_in is None else carry_in,
        o_O=out,
        o_CO=carry_out,
    )
    return out, carry_out


class SortedRows:
    """An insertion sorter of ``n_rows`` signed numbers, smallest first, at one logic cell a stored bit.

    The cells between row i and row i + 1 compare the new number with row i in their carry chain and hold row i + 1,
    which takes row i or the new number. ``loads[i]`` is 1 in a cycle in which row i changes, ``occupied`` counts in
    unary, Rows hold their number complemented
    but for the sign bit.
    """

    def __init__(self, m: Module, new: Value, push: Value, clear: Value, *, n_rows: int) -> None:
        width = len(new)
        self.occupied = Signal(n_rows)
        self.loads = Signal(n_rows)
        pushes, operand = Signal(name="rows_push"), Signal(width, name="rows_new")
        # Signed order is unsigned order with the sign bits inverted.
        m.d.comb += [pushes.eq(push & ~clear), operand.eq(Cat(new[:-1], ~new[-1]))]
        with m.If(clear):
            m.d.sync += self.occupied.eq(0)
        with m.Elif(push):
            m.d.sync += self.occupied.eq(Cat(Const(1, 1), self.occupied[:-1]))

        # No reset: what an empty row holds does not matter.
        self._rows = [Signal(width, name=f"row{i}", reset_less=True) for i in range(n_rows)]
        following: list[Value] = [~operand]
        for i, row in enumerate(self._rows):
            moves = self.loads[i]
            carry: Value = Const(0, 1)
            bits = []
            for bit in range(width):
                out, carry = carry_cell(
                    m,
                    f"row{i}_{bit}",
                    lambda moves, new, old, _: old if moves else not new,
                    i0=moves,
                    a=operand[bit],
                    b=row[bit],
                    carry=carry,
                )
                bits.append(out)
            # The carry says that the new number is above row i; two equal numbers may trade places unseen.
            m.d.comb += moves.eq(pushes & ~(self.occupied[i] & carry))
            with m.If(moves):
                m.d.sync += row.eq(following[i])
            following.append(Cat(*bits))

    def value(self, i: int) -> Value:
        """The number in row i."""
        return Cat(~self._rows[i][:-1], self._rows[i][-1])
