"""Device on the simulation backend: the RTL behind its bus gives what the golden model gives, cycle for cycle."""

import numpy as np
import pytest

from ganglion import BackendError, Config, Device, preset
from ganglion.backends import ArrayState
from ganglion.backends.bus import AxiLiteBus, BusError, read, write
from ganglion.backends.sim import SimulationBackend
from ganglion.engine.top import array_engine
from golden.spec import Opcode, by_name, encode

CONFIG = preset("tiny")
RNG = np.random.default_rng(11)


WIDE = Config(cores=2, slices=1, lanes=8, element_width=16)


def both(dims, *, config=CONFIG, **options):
    return [Device(dims, config=config, backend=backend, **options) for backend in ("golden", "sim")]


def assert_same_state(golden, sim):
    one, other = golden.backend.read_state(), sim.backend.read_state()
    for name in ArrayState.__dataclass_fields__:
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


@pytest.mark.parametrize(
    ("dims", "options"),
    [
        (16, {"metric": "l2"}),
        (1, {"metric": "l2"}),
        (7, {"metric": "dot"}),
        (10, {"metric": "cosine"}),
        (13, {"metric": "cosine", "native_cosine": True}),
        (9, {"metric": "l2", "config": WIDE}),
    ],
)
def test_sim_equals_golden(dims, options):
    golden, sim = both(dims, **options)
    vectors = RNG.normal(size=(golden.capacity - 10, dims))
    n = len(vectors) * 2 // 3
    for device in (golden, sim):
        device.add(None, vectors[:n], types=np.arange(n) % 16)
        device.add(None, vectors[n:] * 1.2)
        device.set_types([1, 2], [3, 4])
        device.set_weights([1, 2, 3], [0, 100, 200])
    assert np.array_equal(golden.insert_cycles, sim.insert_cycles)
    queries = RNG.normal(size=(6, dims))
    for question in (
        {"mode": "exact"},
        {"mode": "beam"},
        {"mode": "exact", "types": [1, 2]},
        {"mode": "beam", "types": 5},
    ):
        for k in (1, 9, 16):
            a, b = golden.search(queries, k, **question), sim.search(queries, k, **question)
            assert np.array_equal(a.keys, b.keys)
            assert np.array_equal(a.distances, b.distances, equal_nan=True)
            assert np.array_equal(a.counts, b.counts)
            assert np.array_equal(a.cycles, b.cycles)
    assert np.array_equal(golden.aggregate([1, 2, 3]), sim.aggregate([1, 2, 3]))
    if options["metric"] != "cosine" or options.get("native_cosine"):
        for device in (golden, sim):
            device.update([1, 2, n], 0.5)
            device.update([3], -1.25)
    assert np.array_equal(golden.get(golden.keys), sim.get(sim.keys))
    assert np.array_equal(golden.get_types(golden.keys), sim.get_types(sim.keys))
    assert np.array_equal(golden.get_weights(golden.keys), sim.get_weights(sim.keys))
    assert_same_state(golden, sim)
    totals = {"INIT", "INSERT", "SEARCH", "AGGREGATE"}
    assert {n: golden.backend.totals.cycles[n] for n in totals} == {n: sim.backend.totals.cycles[n] for n in totals}


def test_files_go_from_one_backend_to_the_other(tmp_path):
    golden, sim = both(6)
    vectors = RNG.normal(size=(60, 6))
    for device, name in ((golden, "golden"), (sim, "sim")):
        device.add(None, vectors, types=2)
        device.set_weights([4], [9])
        device.update([5, 6], 0.75)
        device.save(tmp_path / name)
    assert (tmp_path / "golden").read_bytes() == (tmp_path / "sim").read_bytes()
    there = Device.load(tmp_path / "golden", backend="sim")
    back = Device.load(tmp_path / "sim", backend="golden")
    assert_same_state(back, there)
    for device in (there, back):
        device.add(None, vectors[:9] + 0.01)
    assert_same_state(back, there)
    a, b = (device.search(vectors[:5], 10, mode="beam") for device in (back, there))
    assert np.array_equal(a.keys, b.keys)
    assert np.array_equal(a.cycles, b.cycles)
    there.close()


@pytest.fixture
def bus():
    engine = array_engine(CONFIG)
    yield AxiLiteBus(engine, CONFIG)
    engine.close()


def test_refused_transfers_are_named(bus):
    registers = by_name(CONFIG)
    with pytest.raises(BusError, match=r"write of 0x00000001 to 0x000 was refused \(response 2\): READ_ONLY"):
        bus.transfer([write(0, 1)])
    with pytest.raises(BusError, match=r"read of 0xffc was refused \(response 2\): BAD_ADDRESS"):
        bus.transfer([read(0), read(0xFFC)])
    bus.wait_until_idle()
    bad_core = encode(Opcode.COUNT, core=CONFIG.cores)
    with pytest.raises(BusError, match="BAD_CORE"):
        bus.transfer([write(registers["COMMAND"].addr, bad_core)])
    with pytest.raises(BusError, match="BAD_OPCODE"):
        bus.command(0)


def test_transfers_answer_in_order(bus):
    registers = by_name(CONFIG)
    scratch = registers["SCRATCH"].addr
    values = bus.transfer([read(0), write(scratch, 5), read(scratch), write(scratch, 0xFFFFFFFF), read(scratch)])
    assert values == [registers["ID"].reset, 5, (1 << registers["SCRATCH"].width) - 1]
    before = bus.n_cycles
    bus.idle(10)
    assert bus.n_cycles == before + 10 == bus.engine.cycle


def test_a_command_without_interrupt_is_given_up(bus, monkeypatch):
    bus.wait_until_idle()
    monkeypatch.setattr("ganglion.backends.bus.MAX_COMMAND_CYCLES", 100)
    with pytest.raises(BusError, match=r"no interrupt 1[0-9]* cycles after a command"):
        bus.command(encode(Opcode.COUNT))


def test_another_configuration_is_refused(monkeypatch):
    other = Config(cores=4, slices=2, lanes=4, contexts=2)
    monkeypatch.setattr("ganglion.backends.sim.array_engine", lambda _config, progress: array_engine(CONFIG))
    with pytest.raises(BackendError, match=r"register CONFIG holds 0x[0-9a-f]+, this configuration's is 0x[0-9a-f]+"):
        SimulationBackend(other)


def test_a_bus_that_does_not_answer_in_time(bus, monkeypatch):
    monkeypatch.setattr("ganglion.backends.bus.RESPONSE_CYCLES", 1)
    with pytest.raises(BusError, match="awready was 0 when a transfer was due"):
        bus.transfer([write(by_name(CONFIG)["SCRATCH"].addr, value) for value in range(3)])


def test_an_interrupted_transfer_is_the_last_one(bus, monkeypatch):
    def interrupted(_stimulus):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bus.engine, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            bus.transfer([read(0)])
    with pytest.raises(BusError, match="an interrupted transfer left the simulated bus in an unknown state"):
        bus.transfer([read(0)])
