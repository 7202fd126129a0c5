"""A headless browser for the tests and pictures of the page: Chromium of the system, driven by playwright."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ganglion.page import PageServer

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""For a machine without a screen and without a network: the browser asks nobody for anything."""


def browser_missing() -> str | None:
    """Why there is no browser to test with; None when there is one."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed"
    return None if _executable() or _own_browsers() else "no Chromium on the path, and none of playwright's own"


def _executable() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def _own_browsers() -> bool:
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    return any(folder.glob("chromium*"))


@contextmanager
def running_browser() -> Iterator[Any]:
    """A playwright browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_executable(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def running_server() -> Iterator[PageServer]:
    """The page on any free port."""
    with PageServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def until(page: Any, expression: str, seconds: float = 20) -> Any:
    """The value of a JavaScript expression as soon as it is true.

    Asked from outside: the page's own security policy forbids it to evaluate text.
    """
    end = time.monotonic() + seconds
    while True:
        value = page.evaluate(expression)
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds} s: {expression}"
        time.sleep(0.02)


def ready(page: Any, url: str) -> None:
    """Opens the page and waits until the array is loaded and has seen its first wave."""
    page.goto(url)
    until(page, "document.documentElement.dataset.state === 'ready' && ganglion.state.waves >= 1")
