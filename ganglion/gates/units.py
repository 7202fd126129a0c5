"""The hardware's units that can be counted on their own, and the gates that were claimed for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from amaranth.lib import wiring

from golden.spec import Config
from golden.spec.compact import CompactShape
from golden.spec.events import EventShape
from hw.bridge import CurrentBridge
from hw.compact import CompactClassifier
from hw.dendrite import BranchResponse, DendriteTree
from hw.divider import Divider
from hw.encoder import SpikeEncoder
from hw.event_engine import EventEngine
from hw.homeostasis import HomeostaticController
from hw.lif import LifPipeline
from hw.oscillator import GammaOscillator
from hw.pattern import PatternUnit
from hw.router import SpikeRouter
from hw.spike_queue import SpikeQueue
from hw.stdp import StdpEngine
from hw.tick import TickEngine
from hw.wta import WinnerTakeAll

__all__ = ["OTHER_UNITS", "SPIKING_UNITS", "Unit"]


@dataclass(frozen=True)
class Unit:
    """``make`` gives the unit as a slice of a configuration has it; ``claim``: gates claimed, if any were."""

    name: str
    make: Callable[[Config], wiring.Component]
    claim: int | None = None


SPIKING_UNITS = (
    Unit("spike encoder", SpikeEncoder, 2000),
    Unit("gamma oscillator", lambda config: GammaOscillator(), 500),
    Unit("winner take all", lambda config: WinnerTakeAll(), 1000),
    Unit("dendritic tree", lambda config: DendriteTree(), 8000),
    Unit("homeostatic controller", lambda config: HomeostaticController(), 1500),
    Unit("pattern unit", lambda config: PatternUnit(), 3000),
    Unit("branch response", lambda config: BranchResponse()),
    Unit("LIF pipeline", lambda config: LifPipeline()),
    Unit("spike queue", lambda config: SpikeQueue()),
    Unit("spike router", lambda config: SpikeRouter()),
    Unit("STDP engine", lambda config: StdpEngine()),
    Unit("tick engine", lambda config: TickEngine()),
    Unit("divider", Divider),
    Unit("current bridge", CurrentBridge),
)
"""The tick engine holds the dendritic tree with the branch response, homeostatic controller, LIF pipeline, queue,
router and STDP engine."""
OTHER_UNITS = (
    Unit("compact classifier, 4 classes", lambda config: CompactClassifier(CompactShape())),
    Unit("compact classifier, 16 classes", lambda config: CompactClassifier(CompactShape(group_width=2))),
    Unit("NeuronGuard engine, 2,048 neurons", lambda config: EventEngine(EventShape())),
)
