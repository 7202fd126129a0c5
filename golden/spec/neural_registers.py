"""The registers of the spiking fabric: settings of the network, time, and spikes in and out."""

from golden.spec.config import Config
from golden.spec.neural import (
    DT_WIDTH,
    FACTOR_WIDTH,
    GAIN,
    PHASE_WIDTH,
    RESET_TIME_STEP,
    TARGET_STEP_WIDTH,
)
from golden.spec.register import Access, Register, field

SPIKING_RANGE = (0x400, 0x800)
"""Addresses of the spiking fabric; in an array without contexts, accesses there are refused like any bad address."""

IRQ_FIELDS = (
    field("DONE", 0, 1, "a command ended"),
    field("TICKED", 1, 1, "a tick by time ended"),
    field("SPIKES", 2, 1, "a core fired"),
)
TIME_BASE_WIDTH = 24
COUNT_WIDTH = 16
PARTS_WIDTH = 8

RUN, TIMER, GAMMA, STREAM = 1, 2, 4, 8
"""Bits of CONTROL."""


def neural_registers(config: Config) -> tuple[Register, ...]:
    """The registers of an array with contexts, in the order of their addresses."""
    rw = Access.RW
    t = RESET_TIME_STEP
    return (
        Register(
            name="DT",
            addr=0x400,
            access=rw,
            width=DT_WIDTH,
            reset=t.dt_raw,
            description="Length of a step, in 2^-16 ms. LEAK, RATE_FACTOR, TARGET_STEP and PHASE_STEP follow from it.",
        ),
        Register(
            name="LEAK",
            addr=0x404,
            access=rw,
            width=FACTOR_WIDTH,
            reset=t.leak,
            description="dt / 20 ms, a factor word: what a membrane loses in a step.",
        ),
        Register(
            name="RATE_FACTOR",
            addr=0x408,
            access=rw,
            width=FACTOR_WIDTH,
            reset=t.rate_factor,
            description="dt / 1000 ms, a factor word: what a rate loses in a step.",
        ),
        Register(
            name="TARGET_STEP",
            addr=0x40C,
            access=rw,
            width=TARGET_STEP_WIDTH,
            reset=t.target_step,
            description="0.1 dt / 1000 ms in 2^-26: what a threshold loses in a step.",
        ),
        Register(
            name="PHASE_STEP",
            addr=0x410,
            access=rw,
            width=PHASE_WIDTH,
            reset=t.phase_step,
            description="DT modulo 25 ms: what the oscillator's phase gains in a step.",
        ),
        Register(
            name="GAIN",
            addr=0x414,
            access=rw,
            width=GAIN.width,
            description=f"What a spike brings its neighbours, and a search result its neuron: signed {GAIN}.",
        ),
        Register(
            name="DISTANCE_ONE",
            addr=0x418,
            access=rw,
            width=config.key_width,
            reset=1,
            description="The raw distance that INJECT_RESULTS takes as 1.",
        ),
        Register(
            name="PARTS",
            addr=0x41C,
            access=rw,
            width=PARTS_WIDTH,
            description="What a tick by time does.",
            fields=(
                field("DENDRITES", 0, 1, "branches are added to membranes"),
                field("CLEAR", 1, 1, "branches become 0"),
                field("STEP", 2, 1, "membranes leak and fire"),
                field("HOMEOSTASIS", 3, 1, "rates and thresholds move"),
                field("RECORD", 4, 1, "histories shift"),
                field("TO_MEMBRANE", 5, 1, "spikes go to the neighbours' membranes"),
                field("TO_BRANCH", 6, 1, "spikes go to the neighbours' branches"),
                field("LEARN", 7, 1, "weights change (STDP)"),
            ),
        ),
        Register(
            name="CONTROL",
            addr=0x420,
            access=rw,
            width=4,
            busy_write=True,
            description="What time and spikes do.",
            fields=(
                field("RUN", 0, 1, "ticks by time"),
                field("TIMER", 1, 1, "1: every TIME_BASE clock cycles; 0: with every rising edge of clk_snn"),
                field("GAMMA", 2, 1, "a rising edge of clk_gamma starts the oscillator's turn anew"),
                field("STREAM", 3, 1, "1: events leave by the stream; 0: by the register EVENT"),
            ),
        ),
        Register(
            name="TIME_BASE",
            addr=0x424,
            access=rw,
            width=TIME_BASE_WIDTH,
            busy_write=True,
            description="Clock cycles of a tick by the timer; 0: none.",
        ),
        Register(
            name="PHASE",
            addr=0x428,
            access=rw,
            width=PHASE_WIDTH,
            description="Phase of the oscillator, in 2^-16 ms of its 25.",
        ),
        Register(
            name="OVERRUN",
            addr=0x42C,
            access=rw,
            width=COUNT_WIDTH,
            busy_write=True,
            description="Ticks that time asked for before the one before had begun; saturates.",
        ),
        Register(
            name="DROPPED",
            addr=0x430,
            access=rw,
            busy_write=True,
            description="What did not fit; both saturate.",
            fields=(
                field("EVENTS", 0, COUNT_WIDTH, "spikes that found the outlet full"),
                field("INPUTS", 16, COUNT_WIDTH, "words of spike_in that found the inlet full, or no such core"),
            ),
        ),
        Register(
            name="EVENT",
            addr=0x434,
            access=Access.RO,
            width=31,
            description="The first event in the outlet; reading it moves on to the next, unless CONTROL.STREAM is set.",
            fields=(
                field("NEURON", 0, 5, "neuron"),
                field("CORE", 8, 8, "core"),
                field("VALID", 16, 1, "1: an event, 0: none"),
                field("LEVEL", 24, 7, "events in the outlet"),
            ),
        ),
    )
