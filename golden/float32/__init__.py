"""The float32 golden model: the meaning of every operation, in IEEE single precision.

One :class:`Core` holds up to 32 vectors with their graph; an :class:`Array` holds up to 256 cores and merges
their results. A :class:`SpikingCore` is a core with its spiking network and neuromorphic units. The arithmetic is
fixed down to the order of every addition (see ``distance.py``, ``math32.py`` and the units), so that a program in
another language can reproduce it bit for bit. NumPy only.
"""

from golden.float32.array import Array
from golden.float32.core import Core, SearchStatistics
from golden.float32.graph import Graph
from golden.float32.results import RESULT_DTYPE
from golden.float32.spiking import SpikingCore
from golden.float32.state import SpikingState

__all__ = ["RESULT_DTYPE", "Array", "Core", "Graph", "SearchStatistics", "SpikingCore", "SpikingState"]
