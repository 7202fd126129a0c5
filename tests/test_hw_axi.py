"""The bus front end by itself: the high bits of COUNTER, which a whole array does not reach in a test."""

import pytest
from hw_units import TINY

from ganglion.engine import make_engine
from golden.fixed.bus import OUTPUTS, Ganglion, Inputs
from golden.spec import by_name
from hw.axi import AxiLiteFrontEnd

REGS = {name: register.addr for name, register in by_name(TINY).items()}
READS = ["HI", "LO", "HI", "HI", "LO", "LO", "HI", "LO", "HI"]
AR_HANDSHAKE, ANSWER = 0, 2  # cycles of a read that meets no stall
READ_CYCLES = 3


def read_counter(first_count: int) -> list[int]:
    """What READS answer, one every READ_CYCLES cycles, in the hardware whose counter starts there."""
    names = [name for name in READS for _ in range(READ_CYCLES)]
    stimulus = {
        "araddr": [REGS[f"COUNTER_{name}"] for name in names],
        "arvalid": [int(t % READ_CYCLES == AR_HANDSHAKE) for t in range(len(names))],
        "rready": [1] * len(names),
    }
    with make_engine(AxiLiteFrontEnd(TINY, first_count=first_count), kind="amaranth") as engine:
        outputs = engine.run_ports(stimulus)
    assert outputs["arready"][AR_HANDSHAKE::READ_CYCLES].all()
    assert outputs["rvalid"].reshape(-1, READ_CYCLES).tolist() == [[0, 0, 1]] * len(READS)
    return [int(word) for word in outputs["rdata"][ANSWER::READ_CYCLES]]


def expected_counter(first_count: int) -> list[int]:
    """The same reads of the golden model, which skips the cycles before."""
    model, answers = Ganglion(TINY), []
    while model.cycle < first_count:
        model.run(Inputs(), first_count - model.cycle)
    for name in READS:
        for t in range(READ_CYCLES):
            if t == ANSWER:
                answers.append(model.outputs[OUTPUTS.index("s_axil_rdata")])
            model.run(Inputs(arvalid=int(t == AR_HANDSHAKE), araddr=REGS[f"COUNTER_{name}"], rready=1), 1)
    return answers


@pytest.mark.parametrize("first_count", [0, 1 << 31, (1 << 32) - 5, (1 << 32) - 17, (0xA5 << 32) - 10, (1 << 40) - 11])
def test_a_read_of_counter_lo_latches_the_high_bits(first_count: int) -> None:
    high, by_hand = 0, []
    for i, name in enumerate(READS):
        now = (first_count + READ_CYCLES * i + 1) % (1 << 40)  # the cycle after the address is taken
        if name == "LO":
            high = now >> 32
        by_hand.append(now % (1 << 32) if name == "LO" else high)
    assert read_counter(first_count) == by_hand
    assert expected_counter(first_count) == by_hand
