"""The page of ``ganglion raster``."""

from __future__ import annotations

from ganglion.raster.run import Recording
from ganglion.report.page import Page
from ganglion.report.raster_figure import raster_svg

__all__ = ["raster_page"]

ENGINE_TEXTS = {
    "golden": "the fixed-point golden network, which the hardware equals bit for bit",
    "float32": "the float32 model",
    "sim": "the hardware's units in simulation, compared with the golden network after every tick",
}
N_PARTS_SHOWN = 12


def raster_page(recording: Recording, source: str) -> str:
    """The run as HTML; ``source`` is the description's file."""
    d, figures = recording.description, recording.figures()
    page = Page(
        d.title or "A spiking network",
        f"{d.n_neurons} neurons in {d.contexts} context{'s' if d.contexts > 1 else ''}, {d.n_ticks:,} ticks of "
        f"{d.dt:g} ms; {ENGINE_TEXTS[recording.engine]}.",
    )
    cards = [
        (f"{figures['spikes']:,}", "spikes", True),
        (f"{figures['mean_rate']:.4f}", "spikes/ms, mean of the neurons", True),
        (f"{figures['least_rate']:.4f} to {figures['most_rate']:.4f}", "spikes/ms, least to most", True),
        (f"{figures['ticks_per_second']:,.0f}", "ticks a second", True),
    ]
    if recording.cycles is not None:
        cards.append((f"{recording.cycles / d.n_ticks / d.contexts:.1f}", "clock cycles a tick and context", True))
    if recording.compared:
        differ = recording.mismatches
        cards.append((f"{differ:,}", f"mismatches in {recording.compared:,} comparisons", differ == 0))
    page.cards(cards)
    page.picture(
        raster_svg(recording),
        "From the top: spikes, a row a neuron (shaded: what is searched for); the recorded traces; the phase of the "
        "40 Hz oscillator in turns; the rate of each group of neurons.",
    )
    page.heading("The neurons of highest rate")
    order = sorted(range(d.n_neurons), key=lambda i: (-figures["rates"][i], i))[:N_PARTS_SHOWN]
    labels = d.vectors.labels
    page.table(
        ("neuron", "label", "spikes", "spikes/ms"),
        [
            (f"{i}", labels[i] if labels else "", f"{int(recording.spikes[:, i].sum()):,}", f"{recording.rates[i]:.4f}")
            for i in order
        ],
    )
    page.heading("How to get this page")
    page.text(f"ganglion raster {source} --engine {recording.engine} -o page.html")
    return page.html()
