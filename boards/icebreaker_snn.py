"""iCEBreaker (iCE40 UP5K): 128 cores and a context of spiking neurons behind a UART, run by the sequential engine.

Ticks and rhythm come from the internal time base or from the pins 1 (``clk_snn``) and 2 (``clk_gamma``) of PMOD 2;
spikes leave through the register EVENT.
"""

from boards.icebreaker import Icebreaker, platform
from golden.spec import Config, preset
from hw.top import Ganglion

__all__ = ["CLOCK_HZ", "CONFIG", "FACTS", "SEEDS", "design", "platform"]

CONFIG: Config = preset("up5k-snn")
CLOCK_HZ = 24_000_000
SEEDS = (2, 1, 3, 4, 5, 6)
FACTS = {"cores": CONFIG.cores, "vectors": CONFIG.capacity, "contexts": CONFIG.contexts}
"""What the design holds, for the report."""


def design() -> Icebreaker:
    """The whole design: UART -> bus bridge -> array."""
    return Icebreaker(Ganglion(CONFIG), CLOCK_HZ)
