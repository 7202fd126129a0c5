"""The fixed-point golden model: bit- and cycle-exact twins of the hardware units, vectorised over streams."""

from golden.fixed.beam import BeamSearch
from golden.fixed.distance import Distance
from golden.fixed.exact import ExactScan
from golden.fixed.gather import Gather
from golden.fixed.graph_store import GraphStore
from golden.fixed.insert import InsertEngine
from golden.fixed.merger import Merger
from golden.fixed.node_store import NodeStore
from golden.fixed.normaliser import Normaliser
from golden.fixed.results import ResultList
from golden.fixed.row_copy import RowCopy
from golden.fixed.scaler import Scaler
from golden.fixed.topk import TopK
from golden.fixed.unit import Unit

__all__ = [
    "BeamSearch",
    "Distance",
    "ExactScan",
    "Gather",
    "GraphStore",
    "InsertEngine",
    "Merger",
    "NodeStore",
    "Normaliser",
    "ResultList",
    "RowCopy",
    "Scaler",
    "TopK",
    "Unit",
]
