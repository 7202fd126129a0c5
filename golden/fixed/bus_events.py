"""Spikes in and out of the array: pins with their edges, event FIFOs, and the reporter that fills the outlet."""

from golden.spec import Config
from golden.spec.constants import INDEX_WIDTH, VECTORS_PER_CORE

OUTLET_DEPTH, INLET_DEPTH = 64, 16


class EdgePin:
    """A pin behind three registers; ``edge``: it rose."""

    def __init__(self) -> None:
        self._seen = (1, 1, 1)

    @property
    def edge(self) -> bool:
        """Whether this is the cycle of an edge."""
        return bool(self._seen[1] and not self._seen[2])

    def is_settled(self, pin: int) -> bool:
        """Whether nothing changes while the pin stays so."""
        return self._seen == (pin, pin, pin)

    def clock(self, pin: int) -> None:
        """The clock edge."""
        self._seen = (pin, *self._seen[:2])


class EventFifo:
    """A FIFO on a memory: what is pushed in t is valid from t+2 on; what finds it full is dropped."""

    def __init__(self, depth: int) -> None:
        self._memory = [0] * depth
        self._depth = depth
        self._written = self._read = self._visible = 0

    @property
    def level(self) -> int:
        """Entries in it, valid or not yet."""
        return self._written - self._read

    @property
    def valid(self) -> bool:
        """Whether ``head`` is an entry."""
        return self._read != self._visible

    @property
    def head(self) -> int:
        """The first entry; 0 when none is valid."""
        return self._memory[self._read % self._depth] if self.valid else 0

    @property
    def is_settled(self) -> bool:
        """Whether nothing changes without push and pop."""
        return self._visible == self._written

    def clock(self, *, push: int | None = None, pop: bool = False) -> bool:
        """The clock edge; whether an entry was dropped."""
        fits = self.level < self._depth
        pops = pop and self.valid
        self._visible = self._written
        if push is not None and fits:
            self._memory[self._written % self._depth] = push
            self._written += 1
        self._read += pops
        return push is not None and not fits


class Reporter:
    """Takes a core's spikes in one cycle, shows them in the next, and makes an event of each, one a cycle.

    ``valid``, ``core``, ``word``: the pins ``spike_out``; ``idle_at``: the first cycle in which it can take again.
    """

    def __init__(self) -> None:
        self.valid = self.core = self.word = 0
        self.idle_at = 0
        self._left: list[int] = []

    @property
    def is_quiet(self) -> bool:
        """Whether nothing changes until it takes something."""
        return not self.valid and not self._left

    def event(self) -> int | None:
        """The event that it pushes in this cycle, once a cycle."""
        return self._left.pop() if self._left else None

    def take(self, cycle: int, core: int, word: int) -> None:
        """Take a word that is not 0 in ``cycle``."""
        self.valid, self.core, self.word = 1, core, word
        self.idle_at = cycle + word.bit_count() + 1
        events = [core << INDEX_WIDTH | i for i in range(VECTORS_PER_CORE) if word >> i & 1]
        self._left = events[::-1]


def inlet_entry(config: Config, core: int, word: int) -> int | None:
    """The inlet's entry of a word on ``spike_in``; None for a core that there is not."""
    return core << VECTORS_PER_CORE | word if core < config.cores else None
