"""The pictures of a report, as SVG text."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from golden.spec import Config
from golden.spec.constants import VECTORS_PER_CORE

__all__ = ["area_bars", "as_svg", "cycle_bars", "floor_plan", "neighbour_rows", "recall_curves", "utilisation_bars"]

INK, GRID = "#1f2933", "#d5dbe1"
BLUE, ORANGE, GREY = "#2563a8", "#d9772b", "#8a97a5"
FILL_COLOURS = LinearSegmentedColormap.from_list("fill", ["#eef3f8", "#9cc0e0", "#2563a8", "#123a66"])
STYLE: Any = {
    "svg.hashsalt": "ganglion",
    "svg.fonttype": "path",
    "font.size": 10,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "legend.frameon": False,
}


def as_svg(figure: Figure) -> str:
    """The figure as SVG: the same bytes for the same content."""
    text = io.StringIO()
    FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Creator": None})
    return text.getvalue()


def recall_curves(by_k: Mapping[Any, Sequence[float]], by_fill: Mapping[int, float]) -> str:
    """Recall over k (a curve a mode, k = 1, 2, ...), and recall@10 of the beam over the vectors in a core."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 3.3), layout="constrained")
        left, right = figure.subplots(1, 2)
        # Exact is drawn first and wider: where the curves coincide both stay visible.
        for (name, values), (colour, width) in zip(by_k.items(), ((BLUE, 5.0), (ORANGE, 1.6)), strict=False):
            left.plot(range(1, len(values) + 1), values, "-o", color=colour, lw=width, ms=width + 2, label=name)
        left.set(xlabel="k", ylabel="recall@k", title="Recall over k")
        left.set_xticks(range(0, 17, 2))
        left.legend(loc="lower right")
        fills = sorted(by_fill)
        right.plot(fills, [by_fill[f] for f in fills], "-o", color=ORANGE, lw=1.6, ms=4, label="beam")
        right.set(xlabel="vectors in a core", ylabel="recall@10", title="Beam: recall over fill")
        low = min(min(map(min, by_k.values())), min(by_fill.values()))
        for axes in (left, right):
            axes.set_ylim(min(0.98, np.floor(low * 100) / 100) - 0.0005, 1.001)
        right.set_xlim(0, VECTORS_PER_CORE + 1)
        return as_svg(figure)


def _bars(axes: Axes, names: Sequence[str], values: Sequence[float], colour: str, texts: Sequence[str]) -> None:
    positions = np.arange(len(names))[::-1]
    axes.barh(positions, values, color=colour, height=0.7)
    axes.set_yticks(positions, names)
    axes.grid(axis="y", visible=False)
    largest = max(values, default=0) or 1
    axes.set_xlim(0, largest * 1.22)
    for position, value, text in zip(positions, values, texts, strict=True):
        axes.text(value + largest * 0.012, position, text, va="center", fontsize=8.5)


def area_bars(blocks: Sequence[tuple[str, float, int]]) -> str:
    """Gate equivalents and memory bits of blocks (name, gates, memory bits), the largest first."""
    logic = sorted((b for b in blocks if b[1]), key=lambda b: -b[1])
    memory = sorted((b for b in blocks if b[2]), key=lambda b: -b[2])
    with matplotlib.rc_context(STYLE):
        rows = max(len(logic), 4)
        figure = Figure(figsize=(8.6, 0.9 + 0.24 * rows), layout="constrained")
        left, right = figure.subplots(1, 2)
        _bars(left, [b[0] for b in logic], [b[1] for b in logic], BLUE, [f"{b[1]:,.0f}" for b in logic])
        left.set(title="Logic", xlabel="gate equivalents (NAND2 = 1)")
        left.xaxis.set_major_formatter(lambda value, _position: f"{value:,.0f}")
        _bars(right, [b[0] for b in memory], [b[2] / 1024 for b in memory], GREY, [_bits(b[2]) for b in memory])
        right.set(title="Memory", xlabel="kbit")
        return as_svg(figure)


def _bits(n: int) -> str:
    return f"{n / 1024:,.1f} kbit" if n >= 1024 else f"{n:,} bit"


def utilisation_bars(used: Mapping[str, tuple[int, int]]) -> str:
    """Share of each resource in use: (used, there are) by name."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 0.7 + 0.36 * len(used)), layout="constrained")
        axes = figure.subplots()
        names = list(used)
        positions = np.arange(len(names))[::-1]
        shares = [100 * part / whole for part, whole in used.values()]
        axes.barh(positions, [100] * len(names), color="#eef1f4", height=0.62)
        axes.barh(positions, shares, color=BLUE, height=0.62)
        for position, share, (part, whole) in zip(positions, shares, used.values(), strict=True):
            axes.text(101.5, position, f"{part:,} of {whole:,}  ({share:.0f} %)", va="center", fontsize=9)
        axes.set_yticks(positions, names)
        axes.set(xlim=(0, 128), xlabel="% in use", xticks=range(0, 101, 20))
        axes.grid(axis="y", visible=False)
        axes.spines[["left", "bottom"]].set_visible(False)
        return as_svg(figure)


def floor_plan(config: Config, fill: NDArray[np.int64]) -> str:
    """Cores by slice, each in the colour of its fill (``fill`` [cores], 0..32)."""
    n_slices, per_slice = config.slices, config.cores_per_slice
    # A slice becomes a block of cores about as wide as high; slices stand side by side, a few rows of them.
    wide = max(1, int(np.ceil(np.sqrt(per_slice * (2.4 if n_slices == 1 else 1.0)))))
    high = -(-per_slice // wide)
    across = min(n_slices, max(1, int(np.ceil(np.sqrt(n_slices * 2.4 * high / wide)))))
    down = -(-n_slices // across)
    with matplotlib.rc_context(STYLE):
        width, height = across * (wide + 0.8), down * (high + 0.8)
        unit = min(7.6 / width, 0.62)
        figure = Figure(figsize=(8.6, height * unit + 0.9), layout="constrained")
        axes = figure.subplots()
        labels = unit > 0.3
        for core in range(config.cores):
            number, place = core % n_slices, core // n_slices
            x = number % across * (wide + 0.8) + place % wide
            y = number // across * (high + 0.8) + place // wide
            share = int(fill[core]) / VECTORS_PER_CORE
            axes.add_patch(Rectangle((x, y), 0.92, 0.92, facecolor=FILL_COLOURS(share), edgecolor="white", lw=0.6))
            if labels:
                ink = "white" if share > 0.55 else INK
                axes.text(x + 0.46, y + 0.36, str(core), ha="center", va="center", fontsize=8, color=ink)
                axes.text(x + 0.46, y + 0.68, f"{fill[core]}/32", ha="center", va="center", fontsize=6.5, color=ink)
        for number in range(n_slices):
            x, y = number % across * (wide + 0.8), number // across * (high + 0.8)
            axes.add_patch(Rectangle((x - 0.2, y - 0.2), wide + 0.32, high + 0.32, fill=False, edgecolor=GREY, lw=1.0))
        axes.set(xlim=(-0.5, width - 0.3), ylim=(height - 0.3, -0.5), aspect="equal")
        axes.axis("off")
        scale = matplotlib.cm.ScalarMappable(Normalize(0, VECTORS_PER_CORE), FILL_COLOURS)
        bar = figure.colorbar(scale, ax=axes, shrink=0.8, pad=0.01, aspect=14)
        bar.set_label("vectors in the core")
        bar.outline.set_visible(False)
        return as_svg(figure)


def cycle_bars(exact: Mapping[int, float], beam: Mapping[int, float]) -> str:
    """Cycles a query over the lanes of a slice, exact beside beam."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 2.6), layout="constrained")
        axes = figure.subplots()
        positions = np.arange(len(exact))
        for shift, values, colour, name in ((-0.2, exact, BLUE, "exact"), (0.2, beam, ORANGE, "beam")):
            bars = axes.bar(positions + shift, list(values.values()), 0.36, color=colour, label=name)
            axes.bar_label(bars, fmt="{:,.0f}", fontsize=8, padding=2)
        axes.set_xticks(positions, [f"{lanes}" for lanes in exact])
        axes.set(xlabel="lanes (dimensions a cycle)", ylabel="cycles a query")
        axes.yaxis.set_major_formatter(lambda value, _position: f"{value:,.0f}")
        axes.grid(axis="x", visible=False)
        axes.margins(y=0.14)
        axes.legend()
        return as_svg(figure)


def neighbour_rows(
    queries: NDArray[np.float64],
    neighbours: NDArray[np.float64],
    texts: Sequence[Sequence[str]],
    right: NDArray[np.bool_],
) -> str:
    """Pictures of queries [n, h, w], each followed by its neighbours [n, m, h, w].

    ``texts`` [n][m + 1]: captions, the query's first. ``right`` [n, m]: the neighbour has the query's label.
    """
    n, m = neighbours.shape[:2]
    with matplotlib.rc_context(STYLE | {"axes.spines.left": False, "axes.spines.bottom": False, "axes.grid": False}):
        figure = Figure(figsize=(8.6, 1.28 * n), layout="constrained")
        grid = figure.subplots(n, m + 1, squeeze=False)
        for row in range(n):
            for column in range(m + 1):
                axes = grid[row][column]
                picture = queries[row] if column == 0 else neighbours[row, column - 1]
                axes.imshow(picture, cmap="Greys" if column else "Blues", vmin=0, vmax=16)
                axes.set(xticks=[], yticks=[])
                wrong = column > 0 and not right[row, column - 1]
                axes.set_title(texts[row][column], fontsize=8, color=ORANGE if wrong else INK, pad=3)
        return as_svg(figure)
