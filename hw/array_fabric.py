"""How the fabric joins the array: its sequencer, its result list, its slices."""

from collections.abc import Sequence

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from golden.spec import Config
from hw.bits import any_of
from hw.fabric import Fabric
from hw.fabric_ports import PIN_PORTS, fabric_ports
from hw.neural_ports import neuron_ports
from hw.results import ResultList
from hw.sequencer import Sequencer

__all__ = ["attach_fabric", "neuron_settings"]

SETTINGS = ("dt", "leak", "rate_factor", "target_step", "gain", "distance_one")


def neuron_settings(config: Config) -> dict[str, wiring.Member]:
    """Registers that every neuron unit looks at."""
    return {name: member for name, member in neuron_ports(config).items() if name in SETTINGS}


def attach_fabric(
    m: Module,
    fabric: Fabric,
    array: wiring.Component,
    *,
    sequencer: Sequencer,
    results: ResultList,
    slices: Sequence[wiring.Component | wiring.PureInterface],
) -> None:
    """Connects ``fabric`` inside ``array``; called last, as what it drives goes before the rest."""
    for name, member in (PIN_PORTS | fabric_ports()).items():
        outer, inner = getattr(array, name), getattr(fabric, name)
        m.d.comb += inner.eq(outer) if member.flow is In else outer.eq(inner)
    m.d.comb += [
        # Ticks by time are commands of nobody.
        sequencer.start.eq(array.start | fabric.timed_start),
        sequencer.command.eq(Mux(fabric.timed_start, fabric.timed_command, array.command)),
        sequencer.quiet.eq(fabric.timed | fabric.timed_start),
        fabric.idle.eq(~sequencer.busy & ~array.start),
        fabric.begin.eq(sequencer.neural_begin),
        fabric.word.eq(sequencer.neural_word),
        fabric.data.eq(array.data),
        fabric.dims.eq(sequencer.dims),
        fabric.resume.eq(sequencer.neural_resume),
        fabric.sweep.eq(sequencer.sweep),
        fabric.sweep_place.eq(sequencer.poke_place),
        fabric.sweep_node.eq(sequencer.sweep_node),
        sequencer.neural_finish.eq(fabric.finish),
        sequencer.neural_result.eq(fabric.result),
        sequencer.neural_turn.eq(fabric.turn),
        sequencer.neural_clear.eq(fabric.clear_results),
        sequencer.neural_gather.eq(fabric.gather),
        sequencer.neural_launch.eq(fabric.launch),
        sequencer.neural_buffer_addr.eq(fabric.buffer_addr),
        fabric.entry_valid.eq(results.out_valid),
        fabric.entry_core.eq(results.out_core),
        fabric.entry_index.eq(results.out_index),
        results.rewind.eq(fabric.rewind),
        results.read_pop.eq(Mux(sequencer.busy, fabric.pop, array.result_pop)),
        array.results_left.eq(Mux(fabric.walking, 0, results.remaining)),
        fabric.slices_busy.eq(sequencer.slices_busy),
        fabric.neural_busy.eq(any_of(unit.neural_busy for unit in slices)),
        fabric.neural_answer.eq(any_of(unit.neural_answer for unit in slices)),
        fabric.spikes.eq(any_of(unit.spikes for unit in slices)),
        fabric.unit_phase_index.eq(any_of(unit.phase_index for unit in slices)),
        fabric.unit_oscillates.eq(any_of(unit.oscillate for unit in slices)),
        fabric.reply_count.eq(sequencer.reply_count),
    ]
    for unit in slices:
        for name in SETTINGS:
            m.d.comb += getattr(unit, name).eq(getattr(array, name))
        for name in ("neural_op", "reset", "reset_node", "write_neuron", "inject_branch", "admit", "admitted"):
            m.d.comb += getattr(unit, name).eq(getattr(fabric, name))
        m.d.comb += [
            unit.capture.eq(fabric.capture),
            unit.resonance.eq(fabric.resonance),
            unit.neural_everywhere.eq(fabric.everywhere),
            unit.neuron_index.eq(sequencer.neural_word[16:24]),
            unit.value.eq(fabric.unit_value),
            unit.data.eq(fabric.unit_data),
            unit.entry_key.eq(results.out_key),
            unit.entry_index.eq(results.out_index),
        ]
        with m.If(fabric.walks):
            m.d.comb += unit.core.eq(fabric.core)
