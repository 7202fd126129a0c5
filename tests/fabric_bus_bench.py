"""The golden bus of an array with contexts and a host on it, for the tests of time, events and state."""

from __future__ import annotations

from random import Random

from ganglion.cosim.host import Host, Transfer
from golden.fixed.bits import mask
from golden.fixed.bus import FABRIC_OUTPUTS, OUTPUTS, Ganglion, Inputs
from golden.spec import Config, by_name, encode
from golden.spec.neural_commands import NeuralOpcode, TickPart

CONFIG = Config(cores=4, slices=2, lanes=4, contexts=4)
REGS = {name: register.addr for name, register in by_name(CONFIG).items()}
PLACE = {name.removeprefix("s_axil_"): i for i, name in enumerate(OUTPUTS + FABRIC_OUTPUTS)}
TICK_N = 1 + 2 * (1 + 38 + 1 + 2)
"""N of a quiet tick of all contexts."""
RECORD = encode(NeuralOpcode.TICK, index=1, value=TickPart.RECORD)


def row(model: Ganglion, **inputs: int) -> dict[str, int]:
    """The outputs of this cycle; then the clock edge with these inputs."""
    outputs = {name: model.outputs[i] for name, i in PLACE.items()}
    model.run(Inputs(**inputs), 1)
    return outputs


class Bench:
    """A model that has emptied itself, and a host without stalls."""

    def __init__(self, config: Config = CONFIG) -> None:
        self.model = Ganglion(config)
        self.host = Host(self.model, Random(0))
        self.host.wait(32 * config.cores_per_slice)
        fabric = self.model.array.fabric
        assert fabric is not None
        self.fabric = fabric

    def put(self, name: str, value: int) -> int:
        transfer = Transfer.write(REGS[name], value & mask(32))
        assert self.host.play([transfer])
        return transfer.response

    def get(self, name: str) -> int:
        transfer = Transfer.read(REGS[name])
        assert self.host.play([transfer]) and transfer.response == 0
        return transfer.data

    def until_idle(self) -> None:
        while self.get("STATUS") & 1:
            self.host.wait(10)

    def do(self, opcode: int, core: int = 0, index: int = 0, value: int = 0, data: int = 0) -> int:
        """A command from its operands to its answer; DATA is as wide as the array has it."""
        self.put("DATA0", data)
        self.put("DATA1", data >> 32)
        assert self.put("COMMAND", encode(opcode, core=core, index=index, value=value)) == 0
        self.until_idle()
        return self.get("RETURN0") | self.get("RETURN1") << 32

    def spikes_in(self, *words: tuple[int, int]) -> None:
        """One word of (core, bits) a cycle."""
        for core, bits in words:
            row(self.model, spike_in_valid=1, spike_in_core=core, spike_in=bits)

    def rows_until(self, n_cycles: int, **inputs: int) -> list[dict[str, int]]:
        return [row(self.model, **inputs) for _ in range(n_cycles)]
