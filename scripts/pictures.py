"""Copies the pictures of a demo report into the documentation.

Example: make demo && python scripts/pictures.py build/demo.html docs/images
"""

import base64
import re
import sys
from pathlib import Path

NAMES = ("recall", "cycles", "neighbours", "floor_plan", "utilisation", "area")
"""The report's pictures in their order; the utilisation is there when the demo made a bitstream."""
SHOWN = ("neighbours", "floor_plan", "utilisation")
"""Those that the documentation shows."""


def main(report: Path, folder: Path) -> int:
    """Writes one SVG file a picture; returns the exit status."""
    images = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', report.read_text())
    if len(images) != len(NAMES):
        print(f"{report}: {len(images)} pictures, expected {len(NAMES)}: {', '.join(NAMES)}", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in zip(NAMES, images, strict=True):
        if name in SHOWN:
            (folder / f"{name}.svg").write_bytes(base64.b64decode(data))
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
