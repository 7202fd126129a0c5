"""Screenshots of the page for the documentation."""

from __future__ import annotations

from pathlib import Path

from scripts.page_browser import ready, running_browser, running_server, until

SHOTS = {"page": (1440, 1230, 1, "light"), "page_dark": (1440, 1230, 1, "dark"), "page_phone": (390, 1400, 2, "light")}
"""Name, width, height, device pixels a pixel, colours."""
WAVES, MOMENT = 9, 10
"""Taken in the tenth wave, in its eleventh ms: after the first spikes and the competition."""


def draw_page(folder: Path) -> None:
    """Writes a PNG file for each shot."""
    with running_server() as server, running_browser() as browser:
        for name, (width, height, ratio, scheme) in SHOTS.items():
            page = browser.new_page(
                viewport={"width": width, "height": height},
                device_scale_factor=ratio,
                color_scheme=scheme,
                reduced_motion="reduce",
            )
            ready(page, server.url)
            until(page, "ganglion.state.owed < 1 && ganglion.state.time === 100")
            # On by whole numbers of ms, so that every run of this script shows the same moment.
            page.evaluate(f"ganglion.state.owed = {WAVES * 25 + MOMENT - 100}")
            until(page, f"!ganglion.state.news && ganglion.state.time === {WAVES * 25 + MOMENT}")
            page.wait_for_timeout(100)
            page.screenshot(path=folder / f"{name}.png")
            page.close()
