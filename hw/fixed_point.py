"""Arithmetic of the spiking units' number formats: products with factors, and their rounding."""

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value

from golden.spec.neural import FACTOR_MANTISSA_WIDTH, FACTOR_POINT

__all__ = ["add_with_carry", "apply", "doubled_product", "mantissa"]


def mantissa(factor: Value) -> Value:
    """The mantissa of a factor word; the factor is 0 if it is."""
    return factor[:FACTOR_MANTISSA_WIDTH]


def doubled_product(m: Module, name: str, x: Value, factor: Value, *, gain_bits: int = 0) -> Signal:
    """Twice the product of x and factor, times 2**gain_bits, rounded down; signed if ``x`` is. Combinational.

    Its lowest bit is the one that rounding to the nearest needs: :func:`apply`, or a register, then the upper bits in
    an addition with the lowest one as its carry in (:func:`add_with_carry`), which costs no adder of its own.
    """
    signed = x.shape().signed
    drop = FACTOR_POINT - 1 - gain_bits
    product = Signal(Shape(len(x) + FACTOR_MANTISSA_WIDTH, signed), name=f"{name}_product")
    m.d.comb += product.eq(x * mantissa(factor))
    shifted = Signal(Shape(len(product) - drop, signed), name=f"{name}_shifted")
    m.d.comb += shifted.eq(product >> drop)
    for number, exponent_bit in enumerate(factor[FACTOR_MANTISSA_WIDTH:]):
        stage = Signal(shifted.shape(), name=f"{name}_shifted{number}")
        m.d.comb += stage.eq(Mux(exponent_bit, shifted >> (1 << number), shifted))
        shifted = stage
    return shifted


def apply(m: Module, name: str, x: Value, factor: Value) -> Value:
    """x times a factor word, rounded to the nearest, halves up. Combinational."""
    return (doubled_product(m, name, x, factor) + 1) >> 1


def add_with_carry(a: Value, b: Value, carry: Value) -> Value:
    """a + b + carry with one adder, the carry in as a bit below the operands. Signed if either operand is."""
    shape = (a + b).shape()
    operands = [
        Cat(low, *value, *[_top(value)] * (shape.width - len(value))) for low, value in ((Const(1, 1), a), (carry, b))
    ]
    total = (operands[0] + operands[1])[1 : shape.width + 1]
    return total.as_signed() if shape.signed else total


def _top(value: Value) -> Value:
    """What a value is extended with."""
    return value[-1] if value.shape().signed else Const(0, 1)
