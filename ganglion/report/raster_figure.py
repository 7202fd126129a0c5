"""The picture of a spiking network's run: spikes, membranes, thresholds, oscillator and rates over time."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ganglion.raster.inputs import SearchInput
from ganglion.raster.run import Recording
from ganglion.report.figures import BLUE, GREY, INK, ORANGE, STYLE, as_svg

__all__ = ["raster_png", "raster_svg"]

Picture = TypeVar("Picture")
WIDTH = 10.0
LINES = 6
"""Up to so many neurons are drawn as curves; more as rows of a map."""
GROUP_COLOURS = (BLUE, ORANGE, "#2f8f5b", "#8a4fa3", "#b3261e", "#4a5a6a", "#b58a1b", "#1f7f94")
MANY_SPIKES = 20_000
"""More marks than this are drawn as an image inside the SVG."""
RATE_WINDOW_MS = 10.0
TRACE_NAMES = {
    "membrane": "membrane",
    "threshold": "threshold",
    "rate": "rate, 1/ms",
    "weight": "weight",
}


def raster_svg(recording: Recording) -> str:
    """The picture as SVG text: the same bytes for the same run."""
    return _drawn(recording, as_svg)


def raster_png(recording: Recording) -> bytes:
    """The picture as a PNG file."""

    def png(figure: Figure) -> bytes:
        content = io.BytesIO()
        FigureCanvasAgg(figure).print_png(content, metadata={"Software": None})
        return content.getvalue()

    return _drawn(recording, png)


def _drawn(recording: Recording, save: Callable[[Figure], Picture]) -> Picture:
    d = recording.description
    # Membranes and thresholds of few neurons share a panel: what counts is when one reaches the other.
    traces = list(recording.traces)
    together = len(d.recorded) <= LINES and {"membrane", "threshold"} <= set(traces)
    if together:
        traces.remove("threshold")
    raster_height = min(6.0, 1.0 + 0.09 * d.n_neurons)
    heights = [raster_height, *([1.7] * len(traces)), 0.8, 1.2]
    with matplotlib.rc_context(STYLE | {"axes.grid": False, "font.size": 9}):
        figure = Figure(figsize=(WIDTH, sum(heights) + 0.7), dpi=110, layout="constrained")
        panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
        _spikes(panels[0], recording)
        for axes, name in zip(panels[1:], traces, strict=False):
            if len(d.recorded) <= LINES:
                _curves(axes, recording, name, together and name == "membrane")
            else:
                _map(figure, axes, recording, name)
        _phase(panels[-2], recording)
        _rates(panels[-1], recording)
        panels[-1].set(xlabel="ms", xlim=(0, d.n_ticks * d.dt))
        figure.align_ylabels(panels)
        return save(figure)


def _times(recording: Recording) -> NDArray[np.float64]:
    """When each tick ends, ms."""
    return np.asarray(np.arange(1, recording.description.n_ticks + 1) * recording.description.dt, np.float64)


def _groups(recording: Recording) -> tuple[list[str], NDArray[np.int64]]:
    """Names of the labels in the order in which they appear, and the number of each neuron's.

    Without labels no names, and one group; or a group a neuron where they are few.
    """
    labels, n = recording.description.vectors.labels, recording.description.n_neurons
    if not labels:
        return [], np.arange(n) if n <= LINES else np.zeros(n, np.int64)
    names = list(dict.fromkeys(labels))
    return names, np.array([names.index(label) for label in labels])


def _spikes(axes: Axes, recording: Recording) -> None:
    d, (names, groups) = recording.description, _groups(recording)
    ticks, neurons = np.nonzero(recording.spikes)
    colours = np.array(GROUP_COLOURS)[groups % len(GROUP_COLOURS)]
    size = float(np.clip(900 / d.n_neurons, 2, 26))
    axes.scatter(
        _times(recording)[ticks],
        neurons,
        s=size,
        marker="|",
        c=colours[neurons],
        linewidths=1.3,
        rasterized=len(ticks) > MANY_SPIKES,
    )
    axes.set(ylabel="neuron", ylim=(d.n_neurons - 0.5, -0.5), title=d.title or "spikes")
    for group, name in enumerate(names[: 4 * len(GROUP_COLOURS)]):
        mine = np.flatnonzero(groups == group)
        colour = GROUP_COLOURS[group % len(GROUP_COLOURS)]
        axes.text(1.006, mine.mean(), name, color=colour, va="center", transform=axes.get_yaxis_transform())
        axes.axhline(mine[-1] + 0.5, color=GREY, lw=0.4)
    _looks(axes, recording)


def _looks(axes: Axes, recording: Recording) -> None:
    """Bands over the time of each search that has a name."""
    d = recording.description
    looks = [each for each in d.inputs if isinstance(each, SearchInput) and each.name]
    for number, look in enumerate(looks):
        active = np.flatnonzero(look.ticks)
        first, last = active[0] * d.dt, (active[-1] + 1) * d.dt
        axes.axvspan(first, last, color=GREY, alpha=0.14 if number % 2 else 0.06, lw=0)
        axes.text(first + 0.004 * d.n_ticks * d.dt, -0.4, look.name, fontsize=8, va="top", color=INK)


def _curves(axes: Axes, recording: Recording, name: str, with_threshold: bool) -> None:
    times = _times(recording)
    for place, neuron in enumerate(recording.description.recorded):
        colour = GROUP_COLOURS[place % len(GROUP_COLOURS)]
        axes.plot(times, recording.traces[name][:, place], color=colour, lw=1.0, label=f"{neuron}")
        if with_threshold:
            axes.plot(times, recording.traces["threshold"][:, place], color=colour, lw=0.9, ls="--")
    axes.set(ylabel="membrane,\nthreshold (- -)" if with_threshold else TRACE_NAMES[name])
    if recording.description.recorded:
        axes.legend(title="neuron", loc="upper left", bbox_to_anchor=(1.0, 1.05), fontsize=8)


def _map(figure: Figure, axes: Axes, recording: Recording, name: str) -> None:
    d, values = recording.description, recording.traces[name]
    low, high = float(values.min()), float(values.max())
    # Colours around zero where there are negative values; no range of nothing.
    least, most = (-max(-low, high), max(-low, high)) if low < 0 else (low, high if high > low else low + 1)
    shown = axes.imshow(
        values.T,
        aspect="auto",
        interpolation="nearest",
        cmap="RdBu_r" if low < 0 else "Blues",
        extent=(0, d.n_ticks * d.dt, len(d.recorded) - 0.5, -0.5),
        vmin=least,
        vmax=most,
    )
    bar = figure.colorbar(shown, ax=axes, pad=0.01, aspect=12)
    bar.outline.set_visible(False)
    everyone = d.recorded == tuple(range(d.n_neurons))
    axes.set(ylabel=TRACE_NAMES[name] + ("" if everyone else f"\n({len(d.recorded)} neurons)"))


def _phase(axes: Axes, recording: Recording) -> None:
    times = _times(recording)
    axes.plot(times, recording.turns, color=GREY, lw=0.9)
    for start in times[1:][np.diff(recording.turns) < 0] if len(times) < 5000 else []:
        axes.axvline(start, color=GREY, lw=0.4, alpha=0.6)
    axes.set(ylabel="gamma\nphase", ylim=(0, 1), yticks=(0, 1))


def _rates(axes: Axes, recording: Recording) -> None:
    """Spikes a neuron and ms of each group, smoothed over a window."""
    d, (_names, groups) = recording.description, _groups(recording)
    window = max(1, round(RATE_WINDOW_MS / d.dt))
    for group in range(int(groups.max()) + 1):
        mean = recording.spikes[:, groups == group].mean(axis=1) / d.dt
        smooth = np.convolve(mean, np.ones(window) / window)[: d.n_ticks]
        axes.plot(_times(recording), smooth, color=GROUP_COLOURS[group % len(GROUP_COLOURS)], lw=1.1)
    axes.set(ylabel=f"spikes/ms,\n{window * d.dt:g} ms mean", ylim=(0, None))
