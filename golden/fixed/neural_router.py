"""The spike router: each spike's current to its neighbours' membranes, or to the branches that face it."""

import numpy as np

from golden.fixed.bits import BoolArray, I64Array, mask, to_signed, to_unsigned, unpack_fields
from golden.fixed.graph_store import links, n_links
from golden.fixed.neural_divider import gain_current, ratio_factor
from golden.fixed.neural_lif import scale
from golden.fixed.unit import Inputs, Outputs, Unit, bit, flag, signed, unsigned
from golden.spec import Config
from golden.spec.constants import INDEX_WIDTH, LINKS_WIDTH, MAX_NEIGHBOURS, NODE_WIDTH, WEIGHT_WIDTH
from golden.spec.neural import BRANCH, MEMBRANE

BRANCH_SHIFT = MEMBRANE.fraction_bits - BRANCH.fraction_bits


def weight_factor(weight: I64Array) -> I64Array:
    """The factor word of weight / 255: exactly 1 for 255, else within 2**-17."""
    return ratio_factor((weight << WEIGHT_WIDTH) + weight + (weight >> (WEIGHT_WIDTH - 1)))


def spike_current(gain: I64Array, weight: I64Array) -> I64Array:
    """gain * weight / 255 in membrane units: rounded, exact for a weight of 255, else within |gain| 2**-17 more."""
    return scale(gain_current(gain), weight_factor(weight))


def branch_current(current: I64Array) -> I64Array:
    """A current in branch units, rounded to the nearest."""
    return (current + (1 << (BRANCH_SHIFT - 1))) >> BRANCH_SHIFT


def facing_slot(word: I64Array, source: I64Array) -> tuple[BoolArray, I64Array]:
    """Whether the graph word holds a link to ``source``, and its lowest slot (0 if none)."""
    matches = links(word) == source[..., None]
    matches &= np.arange(MAX_NEIGHBOURS) < n_links(word)[..., None]
    return matches.any(axis=-1), matches.argmax(axis=-1)


class SpikeRouter(Unit):
    """V_j or branch += gain * w_i / 255 for each neighbour j of each spike i.

    max(1, n_links + extra) cycles a spike, back to back; the write is in the cycle after the issue.

    Inputs: ``entry_valid`` (1), ``entry_index`` (5), ``entry_word`` (36), ``entry_weight`` (8); ``extra``,
    ``to_membrane``, ``to_branch`` (1); in the cycle after an issue ``current`` (26, signed), and ``membrane`` (26,
    signed), ``branches`` (96), ``word`` (36) of its target. Outputs: ``take``, ``issue``, ``own`` (1), ``factor`` (20),
    ``source``, ``target`` (5); ``write``, ``write_branch`` (1), ``write_target`` (5), ``write_slot`` (3),
    ``write_membrane`` (26, signed), ``write_value`` (16, signed).
    """

    def __init__(self, config: Config, n_streams: int = 1) -> None:
        super().__init__(config, n_streams)
        self._occupied, self._tail, self._issued = (self._flags() for _ in range(3))
        self._source, self._links, self._left, self._weight = (self._zeros() for _ in range(4))
        self._sent_source, self._sent_target = (self._zeros() for _ in range(2))
        # What the cycle before wrote: the memories give the old data to a read in the cycle of a write.
        self._wrote, self._wrote_branch = self._flags(), self._flags()
        self._last_target, self._last_slot, self._last_membrane, self._last_value = (self._zeros() for _ in range(4))

    def step(self, inputs: Inputs) -> Outputs:
        issue = self._occupied & (self._left > 0)
        own = self._occupied & (self._left == 0) & self._tail
        ends = self._occupied & (self._left + self._tail <= 1)
        take = flag(inputs, "entry_valid") & (~self._occupied | ends)
        target = np.where(issue, self._links & mask(INDEX_WIDTH), self._source)
        outputs = {
            "take": bit(take),
            "issue": bit(issue),
            "own": bit(own),
            "factor": weight_factor(self._weight).astype(np.uint64),
            "source": self._source.astype(np.uint64),
            "target": target.astype(np.uint64),
            **self._deliver(inputs),
        }
        self._issued, self._sent_source, self._sent_target = issue, self._source, target

        word = unsigned(inputs, "entry_word", NODE_WIDTH)
        n = np.minimum(n_links(word), MAX_NEIGHBOURS)
        shifted = np.where(issue, self._links >> INDEX_WIDTH, self._links)
        self._links = np.where(take, word & mask(LINKS_WIDTH), shifted)
        self._left = np.where(take, n, self._left - issue)
        self._tail = np.where(take, flag(inputs, "extra"), self._tail & ~own)
        self._source = np.where(take, unsigned(inputs, "entry_index", INDEX_WIDTH), self._source)
        self._weight = np.where(take, unsigned(inputs, "entry_weight", WEIGHT_WIDTH), self._weight)
        self._occupied = take | (self._occupied & ~ends)
        return outputs

    def _deliver(self, inputs: Inputs) -> Outputs:
        """The writes that follow from the issue of the cycle before."""
        target = self._sent_target
        again = self._last_target == target
        held, current = (signed(inputs, name, MEMBRANE.width) for name in ("membrane", "current"))
        membrane = MEMBRANE.saturate(np.where(again & self._wrote, self._last_membrane, held) + current)
        faces, slot = facing_slot(unsigned(inputs, "word", NODE_WIDTH), self._sent_source)
        branches = to_signed(unpack_fields(inputs["branches"], MAX_NEIGHBOURS, BRANCH.width), BRANCH.width)
        branch = branches[np.arange(self.n_streams), slot]
        again &= self._wrote_branch & (self._last_slot == slot)
        value = BRANCH.saturate(np.where(again, self._last_value, branch) + branch_current(current))
        self._wrote = self._issued & flag(inputs, "to_membrane")
        self._wrote_branch = self._issued & flag(inputs, "to_branch") & faces
        self._last_target, self._last_slot = target, slot
        self._last_membrane, self._last_value = membrane, value
        return {
            "write": bit(self._wrote),
            "write_branch": bit(self._wrote_branch),
            "write_target": target.astype(np.uint64),
            "write_slot": slot.astype(np.uint64),
            "write_membrane": to_unsigned(membrane, MEMBRANE.width),
            "write_value": to_unsigned(value, BRANCH.width),
        }
