"""The report of ``ganglion demo``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganglion.device_matches import Matches
from ganglion.digits import Digits
from ganglion.report import figures
from ganglion.report.page import Page

if TYPE_CHECKING:
    from ganglion.demo import DemoResult

__all__ = ["demo_page"]

N_SHOWN = 5
N_NEIGHBOURS = 7


def demo_page(result: DemoResult, digits: Digits, found: Matches, fill: NDArray[np.int64]) -> str:
    """The report as HTML. ``found``: the exact search; ``fill`` [cores]: vectors in each core."""
    config = result.config
    page = Page(
        "ganglion: handwritten digits in a simulated vector-search processor",
        f"{result.n_base:,} digits of 16 dimensions in {config.cores} cores on {config.slices} "
        f"slice{'s' if config.slices > 1 else ''} of {config.lanes} lanes, loaded and searched over AXI4-Lite.",
    )
    cards = [
        (f"{result.recall_at_10:.4f}", "recall@10, exact search", result.recall_at_10 == 1),
        (f"{result.beam_recall_at_10:.4f}", "recall@10, beam search", result.beam_recall_at_10 >= 0.99),
        (f"{result.accuracy:.1%}", "digits told right by their neighbours", True),
        (f"{result.exact_cycles_per_query:,.0f}", "cycles an exact query", True),
        (f"{result.mismatches}", f"mismatches in {result.compared:,} comparisons", result.mismatches == 0),
        (f"{result.cycles_per_second:,.0f}", "simulated cycles a second", True),
    ]
    if result.build is not None:
        cards.append((f"{result.build['fmax_mhz']:.1f} MHz", f"on a UP5K with {result.build['cores']} cores", True))
    page.cards(cards)
    page.text(
        "Every result, every cycle count and at the end every word of the array's memories was compared between the "
        "compiled RTL and the golden model. Recall is measured against a brute-force search in float64."
    )
    _search(page, result, digits, found)
    page.heading("Floor plan")
    page.picture(
        figures.floor_plan(config, fill),
        f"{config.cores} logical cores of 32 vectors, folded onto {config.slices} physical "
        f"slice{'s' if config.slices > 1 else ''} (frames). The number is the core's id.",
    )
    if result.build is not None:
        _bitstream(page, result.build)
    page.heading("Gates")
    page.text(
        f"The simulated array, library {result.gates.library}: one gate is a NAND2. Memories count apart, in bits."
    )
    blocks = [(b.name, b.gates, b.memory_bits) for b in result.gates.blocks]
    page.picture(figures.area_bars(blocks), "Logic and memory by block.")
    heading, *rows = result.gate_rows
    page.table(heading, rows, n_totals=3)
    page.heading("How to get this page")
    page.text(f"ganglion demo, {result.seconds:.0f} seconds on this machine. The digits come with scikit-learn.")
    return page.html()


def _search(page: Page, result: DemoResult, digits: Digits, found: Matches) -> None:
    page.heading("Searching")
    page.picture(
        figures.recall_curves(result.recall_by_k, result.recall_by_fill),
        "Left: the array above. Right: arrays whose cores hold so many digits each.",
    )
    page.picture(
        figures.cycle_bars(result.cycles_by_lanes["exact"], result.cycles_by_lanes["beam"]),
        "Cycles a query by the golden model, which the simulation equals cycle for cycle.",
    )
    page.heading("Digits and their neighbours")
    rows = _interesting(found, digits.labels, result.n_base)
    near = found.keys[rows, :N_NEIGHBOURS].astype(np.intp)
    labels = digits.labels[near]
    own = digits.labels[result.n_base + rows]
    texts = [
        [f"query: {own[i]}", *(f"{labels[i, j]}   d {found.distances[row, j]:.1f}" for j in range(N_NEIGHBOURS))]
        for i, row in enumerate(rows)
    ]
    page.picture(
        figures.neighbour_rows(digits.images[result.n_base + rows], digits.images[near], texts, labels == own[:, None]),
        "Queries (blue) and what the array returned, nearest first: label and squared distance. The last two rows are "
        "the hardest queries: most neighbours of another label.",
    )


def _interesting(found: Matches, labels: NDArray[np.int64], n_base: int) -> NDArray[np.intp]:
    """Queries to show: the first of different digits, and the two with most neighbours of another label."""
    own = labels[n_base:][: len(found)]
    wrong = (labels[found.keys[:, :N_NEIGHBOURS].astype(np.intp)] != own[:, None]).sum(axis=1)
    hardest = np.argsort(-wrong, kind="stable")[:2]
    firsts = [int(np.argmax(own == digit)) for digit in range(10) if digit in own]
    easy = [row for row in firsts if row not in hardest][: N_SHOWN - 2]
    return np.array([*easy, *hardest], np.intp)


def _bitstream(page: Page, build: dict[str, Any]) -> None:
    page.heading(f"Bitstream: {build['board']}, an iCE40 UltraPlus 5K")
    page.text(
        f"{build['cores']} cores ({build['vectors']:,} vectors with their graph), "
        f"{build['fmax_mhz']:.1f} MHz by nextpnr. Bitstream: {build['bitstream']}"
    )
    used = {name: (int(build[key]), int(build[f"{key}_total"])) for name, key in RESOURCES}
    page.picture(figures.utilisation_bars(used), "Resources in use.")


RESOURCES = (("logic cells", "lc"), ("SPRAM", "spram"), ("EBR", "ebr"), ("DSP", "dsp"))
"""Resources of the FPGA: name, and key of the build report."""
