"""Draws the pictures of the documentation: a demo report's, the examples of `ganglion raster`, the page's screenshots.

Example: make demo && python scripts/pictures.py build/demo.html docs/images
Without the report: python scripts/pictures.py docs/images
The screenshots need Chromium and playwright; without them the script says so and leaves those pictures as they are.
"""

import base64
import re
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from ganglion.files import write_atomically  # noqa: E402
from ganglion.raster import load_description, run_network  # noqa: E402
from ganglion.report.raster_figure import raster_svg  # noqa: E402
from scripts.page_browser import browser_missing  # noqa: E402
from scripts.page_pictures import draw_page  # noqa: E402

NAMES = ("recall", "cycles", "neighbours", "floor_plan", "utilisation", "area")
"""The report's pictures in their order; the utilisation is there when the demo made a bitstream."""
SHOWN = ("neighbours", "floor_plan", "utilisation")
"""Those that the documentation shows."""
EXAMPLES = PROJECT / "docs" / "examples"


def copy_report(report: Path, folder: Path) -> int:
    """Writes one SVG file a picture that is shown; returns the exit status."""
    images = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', report.read_text())
    if len(images) != len(NAMES):
        print(f"{report}: {len(images)} pictures, expected {len(NAMES)}: {', '.join(NAMES)}", file=sys.stderr)
        return 1
    for name, data in zip(NAMES, images, strict=True):
        if name in SHOWN:
            write_atomically(folder / f"{name}.svg", base64.b64decode(data))
    return 0


def draw_examples(folder: Path) -> None:
    """Runs each example on the golden network and writes its picture under its name."""
    for path in sorted(EXAMPLES.glob("*.toml")):
        picture = raster_svg(run_network(load_description(path)))
        write_atomically(folder / f"{path.stem}.svg", picture.encode())


def main(arguments: list[str]) -> int:
    """The command line; returns the exit status."""
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    *reports, folder = (Path(argument) for argument in arguments)
    folder.mkdir(parents=True, exist_ok=True)
    draw_examples(folder)
    if reason := browser_missing():
        print(f"no screenshots of the page: {reason}", file=sys.stderr)
    else:
        draw_page(folder)
    return copy_report(reports[0], folder) if reports else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
