"""The page in a real browser: what a visitor sees and does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.page_browser import browser_missing, ready, running_browser, running_server, until

pytestmark = pytest.mark.skipif(browser_missing() is not None, reason=str(browser_missing()))
REAL_TIME = "6"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with running_browser() as started:
        yield started


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_server() as server:
        yield server.url


@pytest.fixture(scope="module")
def page(browser: Any, url: str) -> Iterator[Any]:
    """The page at desktop size, in real time; its console and requests are kept in ``heard`` and ``asked``."""
    opened = browser.new_page(viewport={"width": 1440, "height": 1000})
    opened.heard, opened.asked = [], []
    opened.on("console", lambda message: opened.heard.append(message.text))
    opened.on("pageerror", lambda error: opened.heard.append(str(error)))
    opened.on("request", lambda request: opened.asked.append(request.url))
    ready(opened, url)
    turn(opened, "pace", REAL_TIME)
    yield opened
    # Whatever the tests did: nothing went wrong, and nobody else was asked for anything.
    assert opened.heard == []
    assert len(opened.asked) > 10
    assert all(address.startswith((url, "data:")) for address in opened.asked)


def turn(page: Any, knob: str, value: str) -> None:
    page.locator(f"#{knob}").fill(value)


def text(page: Any, name: str) -> str:
    return str(page.locator(f"#{name}").text_content())


def waves(page: Any, n: int) -> None:
    """Waits for n waves more."""
    before = page.evaluate("ganglion.state.waves")
    until(page, f"ganglion.state.waves >= {before + n}")


def drawn(page: Any, name: str) -> int:
    """How many different colours a canvas shows."""
    script = """(name) => {
        const canvas = document.getElementById(name);
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size;
    }"""
    return int(page.evaluate(script, name))


def drag(page: Any, *corners: tuple[float, float]) -> None:
    """Draws a line through corners in 0..1 of the pad."""
    box = page.locator("#pad").bounding_box()
    (x, y), *others = [(box["x"] + u * box["width"], box["y"] + v * box["height"]) for u, v in corners]
    page.mouse.move(x, y)
    page.mouse.down()
    for x, y in others:
        page.mouse.move(x, y, steps=6)
    page.mouse.up()


def test_every_stored_digit_is_read(page: Any) -> None:
    turn(page, "noise", "0")
    for label in range(10):
        page.locator("#picker button").nth(label).click()
        until(page, f"ganglion.state.waves >= 3 && document.getElementById('says-plain').textContent === '{label}'")
        assert text(page, "says-spiking") == str(label)
        assert page.locator("#picker button[aria-pressed=true]").text_content() == str(label)
    turn(page, "noise", "0.5")


def test_everything_is_drawn(page: Any) -> None:
    waves(page, 4)
    names = ("map", "map-top", "graph", "membranes", "recorder", "dial", "pad", "seen", "glimpse", "score")
    assert {name: drawn(page, name) for name in names if drawn(page, name) < 3} == {}
    assert page.locator("#row-plain li").count() == page.locator("#row-spiking li").count() == 5
    assert page.locator("#row-plain canvas").first.evaluate("(canvas) => canvas.width") > 20
    assert 0 < float(text(page, "tally-plain")) <= 5
    assert "256 cores" in text(page, "facts")


def test_a_drawing_is_recognised(page: Any) -> None:
    turn(page, "noise", "0")
    page.click("#clear")
    until(page, "!/[0-9]/.test(document.getElementById('says-plain').textContent)")
    drag(page, (0.5, 0.1), (0.5, 0.9))
    until(page, "ganglion.state.waves >= 3 && document.getElementById('says-plain').textContent === '1'")
    assert text(page, "says-spiking") == "1"
    assert page.locator("#picker button[aria-pressed=true]").count() == 0
    page.click("#clear")
    drag(
        page,
        (0.25, 0.5),
        (0.3, 0.2),
        (0.5, 0.1),
        (0.7, 0.2),
        (0.75, 0.5),
        (0.7, 0.8),
        (0.5, 0.9),
        (0.3, 0.8),
        (0.25, 0.5),
    )
    until(page, "ganglion.state.waves >= 3 && document.getElementById('says-plain').textContent === '0'")
    assert text(page, "says-spiking") == "0"
    turn(page, "noise", "0.5")


def test_drawing_with_the_keyboard(page: Any) -> None:
    turn(page, "noise", "0")
    page.click("#clear")
    page.focus("#pad")
    for key in ["ArrowUp"] * 4 + ["Space", "ArrowDown"] * 8:
        page.keyboard.press(key)
    until(page, "ganglion.state.waves >= 3 && document.getElementById('says-plain').textContent === '1'")
    for key in ["Backspace", "ArrowUp"] * 8:
        page.keyboard.press(key)
    until(page, "!/[0-9]/.test(document.getElementById('says-plain').textContent)")
    turn(page, "noise", "0.5")


def test_keys(page: Any) -> None:
    page.locator("body").press("7")
    until(page, "ganglion.state.waves >= 2 && document.getElementById('says-plain').textContent === '7'")
    page.locator("body").press("p")
    assert text(page, "run") == "Run"
    still = until(page, "!ganglion.state.isWaiting && !ganglion.state.news && ganglion.state.time")
    page.locator("body").press("s")
    until(page, f"ganglion.state.time === {still + 25}")
    time.sleep(0.2)
    assert page.evaluate("ganglion.state.time") == still + 25
    page.click("#run")
    until(page, f"ganglion.state.time > {still + 50}")


def test_a_core_is_chosen_by_pointer_and_by_arrows(page: Any) -> None:
    box = page.locator("#map-top").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 2.5 / 16, box["y"] + box["height"] * 4.5 / 16)
    until(page, "document.getElementById('core-title').textContent === 'Core 66'")
    for key, core in [("ArrowRight", 67), ("ArrowDown", 83), ("ArrowLeft", 82), ("ArrowUp", 66)]:
        page.locator("#map-top").press(key)
        until(page, f"document.getElementById('core-title').textContent === 'Core {core}'")
    for _ in range(4):
        page.locator("#map-top").press("ArrowLeft")
    until(page, "document.getElementById('core-title').textContent === 'Core 64'")
    assert text(page, "map-told").startswith("Core 64, mostly ")


def test_the_knobs_do_what_they_say(page: Any) -> None:
    page.evaluate("ganglion.state.follows = true")
    page.locator("body").press("3")
    waves(page, 2)
    heat = "ganglion.state.heat"
    assert until(page, f"{heat} > 0") > 0
    turn(page, "gain", "0")
    until(page, f"{heat} < 0.001")
    page.click("#defaults")
    assert page.locator("#gain").input_value() == "0.4"
    until(page, f"{heat} > 1")
    turn(page, "learning", "4")
    assert text(page, "learning-value") == "rash"
    until(page, "ganglion.state.learned > 0")
    turn(page, "learning", "0")
    page.click("#forget")
    until(page, "ganglion.state.learned === 0")
    page.locator("body").press("3")
    turn(page, "noise", "0")
    waves(page, 3)
    assert page.locator("#row-plain .right").count() == 5


def test_other_digits_are_seated(page: Any) -> None:
    before = page.evaluate("document.querySelectorAll('#row-plain canvas')[4].toDataURL()")
    page.click("#seat")
    until(page, f"document.querySelectorAll('#row-plain canvas')[4].toDataURL() !== {before!r}")


def test_nothing_is_wider_than_the_screen(browser: Any, url: str) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740}, has_touch=True)
    small = """() => [...document.querySelectorAll("p, small, figcaption, dd, dt, label, button, output")]
        .filter((one) => one.offsetParent && parseFloat(getComputedStyle(one).fontSize) < 11)
        .map((one) => one.outerHTML)"""
    try:
        ready(page, url)
        for width in (360, 500, 768, 1024, 1920):
            page.set_viewport_size({"width": width, "height": 740})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(small) == []
    finally:
        page.close()


def test_little_motion_where_that_is_wanted(browser: Any, url: str) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 900}, reduced_motion="reduce")
    try:
        ready(page, url)
        assert text(page, "run") == "Run"
        until(page, "ganglion.state.time === 100 && ganglion.state.owed < 1")
        time.sleep(0.3)
        assert page.evaluate("ganglion.state.time") == 100
        assert text(page, "says-plain") == "3"
        page.click("#run")
        until(page, "ganglion.state.time > 110")
    finally:
        page.close()


def test_light_and_dark(browser: Any, url: str) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 900}, color_scheme="dark")
    corner = "[...document.getElementById('map').getContext('2d').getImageData(0, 0, 1, 1).data].slice(0, 3)"
    ground = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"
    try:
        ready(page, url)
        assert max(page.evaluate(corner)) < 40 > max(page.evaluate(ground))
        page.emulate_media(color_scheme="light")
        until(page, f"Math.min(...{corner}) > 200 && Math.min(...{ground}) > 200")
    finally:
        page.close()


def test_a_module_that_is_missing_is_said(browser: Any, url: str) -> None:
    page = browser.new_page()
    try:
        page.route("**/*.wasm", lambda route: route.abort())
        page.goto(url)
        until(page, "!document.getElementById('trouble').hidden")
        assert text(page, "trouble").startswith("This page could not start: ")
    finally:
        page.close()


def test_names_for_those_who_do_not_see(page: Any) -> None:
    nameless = page.evaluate("""() => [...document.querySelectorAll("button, input, canvas, [role]:not([hidden])")]
        .filter((one) => !(one.textContent.trim() || one.ariaLabel || one.labels?.length || one.ariaHidden))
        .map((one) => one.outerHTML)""")
    assert nameless == []
    reached = []
    page.locator("#run").focus()
    for _ in range(30):
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.parentElement.id"))
        page.keyboard.press("Tab")
    assert {"run", "pace", "pad", "clear", "picker", "map-top", "gain", "inhibition", "noise", "learning"} <= set(
        reached
    )
