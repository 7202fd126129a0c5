"""Saved devices: everything comes back, and files that are not whole or not ours are refused by name and problem."""

import json
import struct
import zlib

import numpy as np
import pytest

from ganglion import Device, DeviceFileError
from ganglion.backends import ArrayState
from ganglion.device_file import PREFIX, VERSION, read_device_file, write_device_file
from ganglion.files import write_atomically

RNG = np.random.default_rng(7)
HEADER_SIZE = PREFIX.size + 4


def make(metric="l2", **options):
    device = Device(5, config="tiny", metric=metric, **options)
    device.add(RNG.permutation(1000)[:70], RNG.normal(size=(70, 5)), types=RNG.integers(0, 16, 70))
    device.set_weights(device.keys, RNG.integers(0, 256, 70))
    return device


def assert_same(one, other):
    for name in ArrayState.__dataclass_fields__:
        assert np.array_equal(getattr(one.backend.read_state(), name), getattr(other.backend.read_state(), name)), name
    assert np.array_equal(one.keys, other.keys)
    assert one.quantiser == other.quantiser
    assert (one.dims, one.metric, one.config) == (other.dims, other.metric, other.config)
    queries = RNG.normal(size=(9, one.dims))
    for mode in ("exact", "beam"):
        a, b = one.search(queries, 7, mode=mode), other.search(queries, 7, mode=mode)
        for field in ("keys", "counts", "cycles", "saturated"):
            assert np.array_equal(getattr(a, field), getattr(b, field))
        assert np.array_equal(a.distances, b.distances, equal_nan=True)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metric": "cosine"},
        {"metric": "cosine", "native_cosine": True},
        {"metric": "dot", "element_width": 16},
        {"centre": False, "placement": "pack"},
    ],
)
def test_everything_comes_back(tmp_path, options):
    device = make(**options)
    if options.get("metric") != "cosine" or options.get("native_cosine"):
        device.update(device.keys[:5], 0.25)
    device.save(tmp_path / "d.ganglion")
    loaded = Device.load(tmp_path / "d.ganglion")
    assert_same(device, loaded)
    # What is added later goes to the same places and is quantised the same way.
    more = RNG.normal(size=(20, 5)) * 3
    for each in (device, loaded):
        each.add(None, more)
    assert_same(device, loaded)


def test_an_empty_device_comes_back(tmp_path):
    device = Device(3, config="core")
    device.save(tmp_path / "d")
    loaded = Device.load(tmp_path / "d")
    assert len(loaded) == 0
    assert loaded.quantiser is None
    loaded.add(None, [[1, 2, 3]])


def test_a_file_is_replaced_in_one_piece(tmp_path, monkeypatch):
    path = tmp_path / "d"
    make().save(path)
    before = path.read_bytes()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="cannot write: No space left on device") as caught:
        make().save(path)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_no_folder_to_save_in(tmp_path):
    with pytest.raises(OSError, match="cannot write: No such file") as caught:
        make().save(tmp_path / "nowhere" / "d")
    assert caught.value.filename == str(tmp_path / "nowhere" / "d")


def test_what_is_no_file_is_written_to_as_it_is(tmp_path):
    link = tmp_path / "link"
    (tmp_path / "target").write_bytes(b"old")
    link.symlink_to(tmp_path / "target")
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Device.load(tmp_path / "none")


def sealed(content):
    """The content with the checksum of its first part made right again."""
    return content[: PREFIX.size] + struct.pack("<I", zlib.crc32(content[: PREFIX.size])) + content[HEADER_SIZE:]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda c: b"", "not a saved ganglion device"),
        (lambda c: b"PK\x03\x04" + c[4:], "not a saved ganglion device: it starts with b'PK"),
        (lambda c: c[:20], f"truncated: 20 bytes, and the header alone has {HEADER_SIZE}"),
        (lambda c: c[:-1], "truncated: [0-9]+ of [0-9]+ bytes"),
        (lambda c: c[:1000], "truncated: 1000 of [0-9]+ bytes"),
        (lambda c: c + b"x", "1 bytes too many behind its [0-9]+"),
        (lambda c: c[:-5] + bytes([c[-5] ^ 1]) + c[-4:], "damaged: the checksum of its content is wrong"),
        (lambda c: c[:50] + bytes([c[50] ^ 8]) + c[51:], "damaged: the checksum of its content is wrong"),
        (lambda c: c[:14] + bytes([c[14] ^ 1]) + c[15:], "damaged: the checksum of its first 28 bytes is wrong"),
        (lambda c: sealed(c[:8] + struct.pack("<I", VERSION + 1) + c[12:]), f"version {VERSION + 1} is newer than"),
        (lambda c: sealed(c[:8] + struct.pack("<I", 0) + c[12:]), "file version 0 does not exist"),
    ],
)
def test_damaged_files_are_refused(tmp_path, damage, message):
    path = tmp_path / "d"
    make().save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DeviceFileError, match=message) as caught:
        Device.load(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_every_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "d"
    make().save(path)
    content = path.read_bytes()
    for place in [*range(HEADER_SIZE), *RNG.integers(HEADER_SIZE, len(content), 60).tolist()]:
        broken = bytearray(content)
        broken[place] ^= 1 << int(RNG.integers(8))
        path.write_bytes(broken)
        with pytest.raises(DeviceFileError):
            Device.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h, a: h.update(dims=99), "dims must be 1 to 16, got 99"),
        (lambda h, a: h.update(metric="x"), "unknown metric 'x'"),
        (lambda h, a: h["config"].update(cores=999), "cores must be 1 to 256, got 999"),
        (lambda h, a: h["config"].update(wings=2), "wings"),
        (lambda h, a: h.pop("metric"), "metric"),
        (lambda h, a: h.update(scale=None), "70 vectors without a quantisation"),
        (lambda h, a: h.update(scale=-1.0), "scale must be in"),
        (lambda h, a: a.pop("links"), "links"),
        (lambda h, a: a.update(types=a["types"][:2]), r"array types is uint8 \(2, 32\), not uint8 \(4, 32\)"),
        (lambda h, a: a.update(counts=a["counts"] + 20), "vectors in the cores"),
        (lambda h, a: a["keys"].__setitem__(0, a["keys"][1]), "duplicate key"),
        (lambda h, a: a["cores"].__setitem__(0, 3), "keys and places do not belong together"),
    ],
)
def test_intact_files_of_nonsense_are_refused(tmp_path, change, message):
    path = tmp_path / "d"
    make().save(path)
    header, arrays = read_device_file(path)
    header.pop("arrays")
    change(header, arrays)
    write_device_file(path, header, arrays)
    with pytest.raises(DeviceFileError, match=message):
        Device.load(path)


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ({"keys": {"dtype": "<f2", "shape": [1]}}, "array keys has the unknown type '<f2'"),
        ({"keys": {"dtype": "<u8", "shape": [1 << 40]}}, "its header makes no sense"),
        ({"keys": {"shape": [1]}}, "its header makes no sense"),
        ({}, "its arrays take 0 bytes, its payload has 8"),
        ([], "its header makes no sense"),
    ],
)
def test_a_header_that_does_not_fit_its_arrays(tmp_path, listed, message):
    path = tmp_path / "d"
    text, payload = json.dumps({"arrays": listed}).encode(), bytes(8)
    prefix = PREFIX.pack(b"GANGLDEV", VERSION, len(text), len(payload), zlib.crc32(payload, zlib.crc32(text)))
    path.write_bytes(sealed(prefix + bytes(4) + text + payload))
    with pytest.raises(DeviceFileError, match=message):
        Device.load(path)


def test_unknown_backend_is_named_before_the_file_is_read(tmp_path):
    with pytest.raises(ValueError, match="unknown backend 'x'"):
        Device.load(tmp_path / "none", backend="x")
