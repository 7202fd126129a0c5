"""Writes the files of the page and of the JavaScript wrapper that follow from other sources.

    python scripts/gen_page.py            write them
    python scripts/gen_page.py --check    write nothing; name the stale ones and exit with 1

wasm/www/digits.bin: scikit-learn's digits, and the place of each in an array of 256 cores (format: ``digits_file``).
wasm/js/layout.js: the module's memory layout, from ganglion/wasm/layout.py.
All arithmetic is in integers: the same bytes on every machine.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from ganglion.digits import load_digits  # noqa: E402
from ganglion.wasm.layout import CORE_DTYPE, NEURON_DTYPE, SNAPSHOT_DTYPE, SNAPSHOT_MAGIC  # noqa: E402
from golden.spec.constants import (  # noqa: E402
    INDEX_NONE,
    MAX_CORES,
    MAX_DIMS,
    MAX_NEIGHBOURS,
    MAX_RESULTS,
    VECTORS_PER_CORE,
)
from scripts.kept_files import keep_files  # noqa: E402

Integers = NDArray[np.int64]

SIDE = 16
"""Cores along a side of the square array."""
SHIFTS = ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))
"""Copies of a digit that are stored, in this order of importance: moved by so many rows and columns."""
PIXEL_BITS = 5
"""Pixels are 0..16."""
SHIFT_BITS = 3
MAGIC = b"GDIG"
N_EPOCHS = 24
ONE = 1 << 12
"""Of the map's weights."""
LABEL_SHARE = 40


def moved(images: Integers, rows: int, columns: int) -> Integers:
    """Images [n, 8, 8] moved down and right, zeros coming in."""
    out = np.zeros_like(images)
    height, width = images.shape[1:]
    to_rows, from_rows = slice(max(rows, 0), height + min(rows, 0)), slice(max(-rows, 0), height + min(-rows, 0))
    to_cols, from_cols = (
        slice(max(columns, 0), width + min(columns, 0)),
        slice(max(-columns, 0), width - max(columns, 0)),
    )
    out[:, to_rows, to_cols] = images[:, from_rows, from_cols]
    return out


def pooled(images: Integers) -> Integers:
    """Images [n, 8, 8] as [n, 16]: sums of 2x2 squares, 0..64; the page's vectors are a constant times them."""
    return images.reshape(-1, 4, 2, 4, 2).sum((2, 4)).reshape(-1, MAX_DIMS)


def self_organised_map(vectors: Integers) -> Integers:
    """Weights [256, n] in 1/4096 of a sheet of 16x16 units that the vectors [m, n] were shown to (Kohonen's rule).

    Neighbourhood: a triangle of shrinking radius. Starts as a plane: dimensions' halves against rows and columns.
    """
    order = np.arange(len(vectors)) * 1009 % len(vectors)
    grid = np.stack(np.divmod(np.arange(MAX_CORES), SIDE), 1)
    mean = vectors.sum(0) * ONE // len(vectors)
    top = np.repeat([1, -1], MAX_DIMS // 2)
    left = np.tile([1, 1, -1, -1], MAX_DIMS // 4)
    tilt = (SIDE - 1 - 2 * grid[:, :1]) * top + (SIDE - 1 - 2 * grid[:, 1:]) * left
    weights = np.tile(mean, (MAX_CORES, 1))
    weights[:, :MAX_DIMS] += tilt * ONE // 4
    reach = np.abs(grid[:, None] - grid[None]).max(2)
    for epoch in range(N_EPOCHS):
        radius = max(1, 8 * (N_EPOCHS - epoch) // N_EPOCHS)
        near = np.maximum(radius + 1 - reach, 0) * (N_EPOCHS - epoch)
        share = radius * N_EPOCHS * 8
        for vector in vectors[order]:
            gap = vector * ONE - weights
            unit = int(np.argmin(((gap >> 4) ** 2).sum(1)))
            weights += near[unit][:, None] * gap // share
    return weights


def placed(vectors: Integers, weights: Integers) -> Integers:
    """The core of each of 8,192 vectors: 32 in each core, the ones most alike together.

    Each goes to its unit of the map; then halves of equal size, by rows and by columns in turn, until 32 are left.
    """
    gaps = ((weights[None] - vectors[:, None] * ONE) >> 6) ** 2
    distance = gaps.sum(2)
    best = np.argsort(distance, axis=1, kind="stable")[:, :2]
    rows, columns = np.divmod(best, SIDE)
    # Between the best and the second best unit: no two of a cluster need to be equal.
    at = np.stack([3 * rows[:, 0] + rows[:, 1], 3 * columns[:, 0] + columns[:, 1]], 1)
    cores = np.zeros(len(vectors), np.int64)

    def split(members: Integers, row: int, column: int, height: int, width: int) -> None:
        if height * width == 1:
            cores[members] = row * SIDE + column
            return
        axis = 0 if height >= width else 1
        tie = distance[members, row * SIDE + column]
        order = members[np.lexsort((members, tie, at[members, axis]))]
        half = len(order) // 2
        if axis == 0:
            split(order[:half], row, column, height // 2, width)
            split(order[half:], row + height // 2, column, height // 2, width)
        else:
            split(order[:half], row, column, height, width // 2)
            split(order[half:], row, column + width // 2, height, width // 2)

    split(np.arange(len(vectors)), 0, 0, SIDE, SIDE)
    return cores


def packed(values: Integers, width: int) -> bytes:
    """Non-negative integers of ``width`` bits each, the first in the low bits of the first byte."""
    bits = (values.reshape(-1, 1) >> np.arange(width)) & 1
    return np.packbits(bits.astype(np.uint8).reshape(-1), bitorder="little").tobytes()


def digits_file() -> bytes:
    """The digits: "GDIG", u16 n digits, u16 n places, little-endian; then, each padded to a byte, low bits first:

    n x 64 pixels of 5 bits; n labels of 4 bits; for each place (core by core, 32 each) 11 bits digit, 3 bits shift.
    """
    digits = load_digits()
    images = digits.images.astype(np.int64)
    n, n_places = len(images), MAX_CORES * VECTORS_PER_CORE
    stored = [(digit, shift) for shift in range(len(SHIFTS)) for digit in range(n)][:n_places]
    pairs = np.array(stored, np.int64)
    copies = np.stack([pooled(moved(images, *shift)) for shift in SHIFTS])
    vectors = copies[pairs[:, 1], pairs[:, 0]]
    labels = digits.labels.astype(np.int64)
    # The label counts a little for the place, and for nothing else: the regions of one digit hang together.
    hints = LABEL_SHARE * np.eye(10, dtype=np.int64)[labels]
    sheet = self_organised_map(np.hstack([pooled(images), hints]))
    cores = placed(np.hstack([vectors, hints[pairs[:, 0]]]), sheet)
    order = np.argsort(cores, kind="stable")
    places = pairs[order, 0] | pairs[order, 1] << 11
    head = MAGIC + np.array([n, n_places], "<u2").tobytes()
    labels = digits.labels.astype(np.int64)
    return head + packed(images, PIXEL_BITS) + packed(labels, 4) + packed(places, 11 + SHIFT_BITS)


def layout_module() -> bytes:
    """wasm/js/layout.js."""
    sizes = {
        "CORE_BYTES": CORE_DTYPE.itemsize,
        "NEURON_BYTES": NEURON_DTYPE.itemsize,
        "SNAPSHOT_BYTES": SNAPSHOT_DTYPE.itemsize,
        "SNAPSHOT_MAGIC": SNAPSHOT_MAGIC,
        "SNAPSHOT_CORE": SNAPSHOT_DTYPE.itemsize - CORE_DTYPE.itemsize,
        "MAX_CORES": MAX_CORES,
        "MAX_DIMS": MAX_DIMS,
        "MAX_RESULTS": MAX_RESULTS,
        "MAX_LINKS": MAX_NEIGHBOURS,
        "VECTORS_PER_CORE": VECTORS_PER_CORE,
        "NONE": INDEX_NONE,
    }
    lines = ["// Generated by scripts/gen_page.py from ganglion/wasm/layout.py; do not edit.", ""]
    lines += [f"export const {name} = {value};" for name, value in sizes.items()]
    for name, dtype, text in [
        ("CORE", CORE_DTYPE, "Bytes from the start of a core to each of its members."),
        ("NEURON", NEURON_DTYPE, "Bytes from the start of a neuron to each of its members."),
    ]:
        assert dtype.fields is not None
        lines += ["", f"/** {text} */", f"export const {name} = Object.freeze({{"]
        lines += [f"  {field}: {place[1]}," for field, place in dtype.fields.items()]
        lines += ["});"]
    return ("\n".join(lines) + "\n").encode()


FILES = {"wasm/www/digits.bin": digits_file, "wasm/js/layout.js": layout_module}
"""Everything that is generated, by its path in the project."""


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write the generated files of the page and of the wrapper.")
    parser.add_argument("--check", action="store_true", help="write nothing, exit with 1 if a file is stale")
    options = parser.parse_args(argv)
    files = {name: make() for name, make in FILES.items()}
    return keep_files(files, PROJECT, check=options.check, script="scripts/gen_page.py")


if __name__ == "__main__":
    sys.exit(main())
