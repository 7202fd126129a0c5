"""Insert engine: hardware against golden twin, and the graphs it builds against the rule written down plainly."""

import numpy as np
import pytest
from hw_units import CORE16, NARROW16, TINY, Recorder, bursts, chance, name_of, random_bits

import golden.fixed as golden
import hw.graph_store
import hw.insert
from ganglion.engine import check_twin
from golden.spec import Config


class PlainGraph:
    """The insertion rule on Python lists: every node has pinned links and others, at most 6 together.

    Invariant: every node but the first has a parent, which it pins and which pins it; pinned links never go, so every
    node is reachable from node 0.
    """

    def __init__(self) -> None:
        self.vectors: list[tuple[int, ...]] = []
        self.pinned: list[list[int]] = []
        self.others: list[list[int]] = []

    def nearest(self, vector: tuple[int, ...]) -> list[int]:
        """The 16 nearest nodes, ties by the lower index."""
        far = [sum((a - b) ** 2 for a, b in zip(vector, other, strict=True)) for other in self.vectors]
        return sorted(range(len(far)), key=lambda node: (far[node], node))[:16]

    def insert(self, vector: tuple[int, ...]) -> int:
        """The new node's index, or 255 when 32 are held."""
        new = len(self.vectors)
        if new == 32:
            return 255
        parent, friends = [], []
        for node in self.nearest(vector):
            pinned, others = self.pinned[node], self.others[node]
            room = len(pinned) + len(others) < 6
            if not parent and len(pinned) < 6:
                parent.append(node)
                pinned.append(new)
                first, others[:1] = others[:1], []
                others.extend(first if room else [])
            elif len(friends) < 5:
                friends.append(node)
                if not room and others:
                    del others[0]
                    room = True
                others.extend([new] if room else [])
            if parent and len(friends) == 5:
                break
        self.vectors.append(vector)
        self.pinned.append(parent)
        self.others.append(friends)
        return new

    def word(self, node: int) -> tuple[list[int], int, int]:
        """Links in slot order, number of links, number of pinned ones."""
        links = self.pinned[node] + self.others[node]
        return links, len(links), len(self.pinned[node])

    def all_reachable(self) -> bool:
        """Whether node 0 leads to every node."""
        seen, front = {0}, [0]
        while front:
            node = front.pop()
            fresh = set(self.word(node)[0]) - seen
            seen |= fresh
            front.extend(fresh)
        return seen == set(range(len(self.vectors)))


class InsertLoop:
    """A slice around the insert engine: counts, vectors, a scan of random length with its sorted list, the graph."""

    def __init__(self, config: Config, n: int, seed: int) -> None:
        rng = self.rng = np.random.default_rng(seed)
        self.config, self.n = config, n
        self.unit = Recorder(golden.InsertEngine(config, n))
        self.memory = golden.GraphStore(config, n)
        self.graph = Recorder(self.memory)
        n_places = config.cores_per_slice
        self.counts = np.zeros((n, n_places), np.int64)
        self.vectors = np.zeros((n, n_places, 33, 3), np.int64)
        self.spread = rng.choice([1, 2, 50], n)
        self.inserted: list[list[tuple[int, tuple[int, ...], int]]] = [[] for _ in range(n)]
        self.place, self.rank = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self.new = np.zeros((n, 3), np.int64)
        self.near, self.near_count = np.zeros((n, 16), np.int64), np.ones(n, np.int64)
        self.scan, self.idle = np.zeros(n, np.int64), np.ones(n, bool)
        self.read, self.settles, self.word = np.zeros(n, bool), np.zeros(n, bool), np.zeros(n, np.int64)

    def run(self, n_cycles: int) -> None:
        """Inserts one after the other into random places; starts while busy are there to be ignored."""
        for _ in range(n_cycles):
            self._cycle()

    def _cycle(self) -> None:
        rng, n, streams = self.rng, self.n, np.arange(self.n)
        begins = self.idle & (rng.random(n) < 0.5)
        self.place = np.where(begins, rng.integers(0, self.config.cores_per_slice, n), self.place)
        fresh = rng.integers(-3, 4, (n, 3)) * self.spread[:, None]
        self.new = np.where(begins[:, None], fresh, self.new)
        count = self.counts[streams, self.place]
        outputs = self.unit.step(
            {
                "start": begins | (~self.idle & (rng.random(n) < 0.1)),
                "scan_busy": self.scan > 0,
                "count": np.where(self.idle, random_bits(rng, (n,), 6).astype(np.int64), count),
                "near_count": self.near_count,
                "near_index": np.where(self.scan > 0, rng.integers(0, 32, n), self.near[streams, self.rank]),
                "word": np.where(self.read, self.word, random_bits(rng, (n,), 36).astype(np.int64)),
            }
        )
        self._scan(outputs["scan_start"] == 1, count)
        self._graph(outputs)
        full = (outputs["busy"] == 1) & (count == 32) & (outputs["store"] == 0)
        self._finish((outputs["store"] == 1) | full, full, count)
        self.rank = np.where(self.settles, (outputs["rank"] + 1) % 16, outputs["rank"]) * (outputs["scan_start"] == 0)
        self.settles = self.read
        self.read = outputs["graph_read"] == 1
        self.idle = ((outputs["busy"] == 0) & ~begins) | (outputs["store"] == 1) | full

    def _scan(self, starts: np.ndarray, count: np.ndarray) -> None:
        """The list of a core's 16 nearest, after a scan of 0 to 20 cycles."""
        self.scan = np.where(starts, self.rng.integers(0, 21, self.n), np.maximum(self.scan - 1, 0))
        for stream in np.flatnonzero(starts):
            held = self.vectors[stream, self.place[stream], : count[stream]]
            far = ((held - self.new[stream]) ** 2).sum(axis=1)
            order = np.argsort(far, kind="stable")[:16]
            self.near[stream, : len(order)] = order
            self.near_count[stream] = len(order)

    def _graph(self, outputs: dict[str, np.ndarray]) -> None:
        self.graph.step(
            {
                "addr": self.place * 32 + outputs["graph_row"],
                "read": outputs["graph_read"],
                "op": outputs["graph_op"],
                "overwrite": np.zeros_like(outputs["graph_op"]),
                "node": outputs["graph_node"],
                "write_word": outputs["graph_word"],
            }
        )
        self.word = self.memory.word

    def _finish(self, ends: np.ndarray, full: np.ndarray, count: np.ndarray) -> None:
        for stream in np.flatnonzero(ends):
            place, vector = int(self.place[stream]), self.new[stream]
            self.inserted[stream].append((place, tuple(vector.tolist()), 255 if full[stream] else int(count[stream])))
            if not full[stream]:
                self.vectors[stream, place, count[stream]] = vector
                self.counts[stream, place] += 1


def check_against_plain_graph(loop: InsertLoop) -> int:
    """Replay every insert plainly and compare answers and graph memory; the number of inserts checked."""
    n_checked = 0
    for stream in range(loop.n):
        graphs = [PlainGraph() for _ in range(loop.config.cores_per_slice)]
        for place, vector, answer in loop.inserted[stream]:
            assert graphs[place].insert(vector) == answer
            assert graphs[place].all_reachable()
            n_checked += 1
        for place, graph in enumerate(graphs):
            for node in range(len(graph.vectors)):
                links, n_links, n_pinned = graph.word(node)
                word = loop.memory.stored(place * 32 + node)[stream]
                assert (word >> 30 & 7, word >> 33) == (n_links, n_pinned), (stream, place, node)
                assert [word >> 5 * slot & 31 for slot in range(n_links)] == links, (stream, place, node)
    return n_checked


def check_cycles(stimulus: dict[str, np.ndarray], outputs: dict[str, np.ndarray]) -> int:
    """Time from start to the end of busy: 1 when full, else CHECK, SCAN until it is over, 3 a link, STORE."""
    n_checked = 0
    for stream in range(len(outputs["busy"])):
        busy = outputs["busy"][stream]
        edges = np.flatnonzero(np.diff(busy.astype(np.int8), prepend=0, append=0))
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            if end == len(busy):
                continue
            now = slice(begin, end)
            expected = 1
            if outputs["store"][stream, now].any():
                expected += 3 * int(outputs["graph_read"][stream, now].sum()) + 1
            if outputs["scan_start"][stream, begin]:
                idle = np.flatnonzero(stimulus["scan_busy"][stream, begin + 2 : end] == 0)
                expected += 2 + int(idle[0])
            assert end - begin == expected, (stream, begin)
            n_checked += 1
    return n_checked


@pytest.mark.parametrize("config", [TINY, CORE16, NARROW16], ids=name_of)
def test_insert(config: Config) -> None:
    """Cores are filled and overfilled; the recorded run is replayed on the hardware of engine and graph store."""
    n_cycles = 900 * (1 + config.cores_per_slice)
    loop = InsertLoop(config, 360_000 // n_cycles, config.lanes)
    loop.run(n_cycles)
    assert check_against_plain_graph(loop) > 5000
    stimulus = loop.unit.stimulus()
    outputs = check_twin(hw.insert.InsertEngine(config), golden.InsertEngine(config, loop.n), stimulus)
    check_twin(hw.graph_store.GraphStore(config), golden.GraphStore(config, loop.n), loop.graph.stimulus())
    assert (outputs["result"] == 255).any(), "some core was full"
    assert (outputs["copy_start"] == outputs["store"]).all()
    assert check_cycles(stimulus, outputs) > 5000


@pytest.mark.parametrize("config", [TINY, CORE16, NARROW16], ids=name_of)
def test_insert_with_noise(config: Config) -> None:
    """Counts, lists and graph words that no insert makes; near_count is 1 to 16, as a scan of a used core leaves it."""
    shape, rng = (250, 500), np.random.default_rng(12)
    count = np.where(chance(rng, shape, 0.7) == 1, random_bits(rng, shape, 5), random_bits(rng, shape, 6))
    hold = 25
    stimulus = {
        "start": bursts(rng, shape),
        "scan_busy": bursts(rng, shape, block=20),
        "count": np.repeat(count[:, ::hold], hold, axis=1)[:, : shape[1]],
        "near_count": np.repeat(rng.integers(1, 17, (shape[0], 1)), shape[1], axis=1),
        "near_index": random_bits(rng, shape, 5),
        "word": random_bits(rng, shape, 36),
    }
    outputs = check_twin(hw.insert.InsertEngine(config), golden.InsertEngine(config, shape[0]), stimulus)
    assert set(np.unique(outputs["graph_op"])) == {0, 1, 2, 3}
