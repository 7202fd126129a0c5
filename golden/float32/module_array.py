"""The interface of the array variant of the module: 256 cores behind one set of buffers."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from golden.float32.module import BYTE, Module, as_byte
from golden.float32.results import EMPTY_RESULT
from golden.float32.spiking import WORD, SpikingCore
from golden.spec.commands import Metric
from golden.spec.constants import INDEX_NONE, MAX_CORES, MAX_DIMS, MAX_RESULTS


class ArrayModule(Module):
    """256 cores in one instance. Every function of :class:`Module` means the selected core; its id is its place.

    The buffers and both lists belong to the instance. ``init`` selects the core whose id it is given.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cores = [SpikingCore(MAX_DIMS, Metric.L2, core_id) for core_id in range(MAX_CORES)]
        self.core = self.cores[0]

    def init(self, dims: int, metric: int, core_id: int) -> None:
        """Select a core and empty it; the buffers become 0, both lists empty."""
        if dims & WORD:
            self.core_select(core_id & BYTE)
            super().init(dims, metric, core_id)

    def core_select(self, core_id: int) -> None:
        """Select a core, 0..255; nothing happens for another id."""
        if core_id & WORD < MAX_CORES:
            list_kept = self.core.global_results
            self.core = self.cores[core_id & WORD]
            self.core.global_results = list_kept

    def search_all(self, k: int) -> int:
        """The ``k`` nearest of what the beam searches of all cores find, in the global list and in the results."""
        return self._search_cores(k, SpikingCore.search)

    def search_all_exact(self, k: int) -> int:
        """The ``k`` nearest of all vectors of all cores, in the global list and in the results."""
        return self._search_cores(k, SpikingCore.search_exact)

    def _search_cores(self, k: int, search: Callable[[SpikingCore, int], NDArray[np.void]]) -> int:
        selected = self.core
        selected.clear_global()
        for core in self.cores:
            self.core = core
            if self.takes_query():
                selected.merge(search(core, as_byte(k)))
        self.core = selected
        n = min(as_byte(k), MAX_RESULTS)
        selected.global_results[n:] = EMPTY_RESULT
        self.results = selected.global_results.copy()
        return int((self.results["index"] != INDEX_NONE).sum())
