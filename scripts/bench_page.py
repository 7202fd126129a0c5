"""How smoothly the page runs in headless Chromium with all 256 cores at work.

    python scripts/bench_page.py [--json] [--seconds 6]

For each screen and pace: frames a second and the times between frames as the browser shows them (median, 95th and 99th
percentile), the processor time that the page's own thread needs for a frame (what decides on a machine with a screen:
60 a second leave 16.7 ms), and how long the worker takes for 1 ms of all 8,192 neurons, drawing levels included.
Without a graphics processor Chromium paints in software, which is part of the frame times but not of the page's thread.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from scripts.page_browser import browser_missing, ready, running_browser, running_server  # noqa: E402

SCREENS = {"desktop 1440 x 1000": (1440, 1000, 1), "phone 360 x 740": (360, 740, 2)}
PACES = {"1/16": "2", "real time": "6"}


def percentile(values: list[float], share: float) -> float:
    """The value below which a share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def measure(browser: Any, url: str, screen: tuple[int, int, int], pace: str, seconds: float) -> dict[str, float]:
    """Figures of one screen and pace."""
    width, height, ratio = screen
    page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=ratio)
    ready(page, url)
    page.locator("#pace").fill(pace)
    page.evaluate("document.querySelector('.array').scrollIntoView()")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))

    time.sleep(1)
    page.evaluate("for (const name of ['frames', 'ticks', 'draws']) ganglion.stats[name].length = 0")
    started, began = page.evaluate("ganglion.stats.n"), busy()
    time.sleep(seconds)
    n = page.evaluate("ganglion.stats.n") - started
    own = 1000 * (busy() - began) / n
    frames, ticks = page.evaluate("[ganglion.stats.frames, ganglion.stats.ticks]")
    page.close()
    return {
        "frames_per_second": round(n / seconds, 1),
        "frame_ms_median": round(percentile(frames, 0.5), 1),
        "frame_ms_p95": round(percentile(frames, 0.95), 1),
        "frame_ms_p99": round(percentile(frames, 0.99), 1),
        "thread_ms_per_frame": round(own, 2),
        "worker_ms_per_tick": round(sum(ticks) / len(ticks), 2),
    }


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Frame times of the page in headless Chromium.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--seconds", type=float, default=6, help="for each screen and pace")
    options = parser.parse_args(argv)
    if reason := browser_missing():
        print(f"bench_page: {reason}", file=sys.stderr)
        return 2
    with running_server() as server, running_browser() as browser:
        figures = {
            f"{screen}, {pace}": measure(browser, server.url, size, value, options.seconds)
            for screen, size in SCREENS.items()
            for pace, value in PACES.items()
        }
    if options.json:
        print(json.dumps(figures))
        return 0
    names = list(next(iter(figures.values())))
    print("| screen, pace | " + " | ".join(name.replace("_", " ") for name in names) + " |")
    print("|---|" + "--:|" * len(names))
    for case, values in figures.items():
        print(f"| {case} | " + " | ".join(str(values[name]) for name in names) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
