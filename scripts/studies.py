"""What the studies of the spiking units share: running them one after the other, and printing their tables."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Row = dict[str, Any]
Study = Callable[[], Iterator[Row]]


def show(title: str, rows: list[Row]) -> None:
    """Prints a Markdown table."""
    names = list(rows[0])
    lines = [" | ".join(names), "|".join("---" for _ in names)]
    lines += [" | ".join(f"{v:.6g}" if isinstance(v, float) else str(v) for v in row.values()) for row in rows]
    print(f"\n{title}\n\n" + "\n".join(f"| {line} |" for line in lines))


def run_studies(studies: Mapping[str, Study], *, as_json: bool) -> None:
    """Runs them by title; tables as they come, or one JSON object at the end. Seconds go to standard error."""
    found = {}
    for title, study in studies.items():
        begin = time.monotonic()
        found[title] = list(study())
        print(f"{title}: {time.monotonic() - begin:.1f} s", file=sys.stderr)
        if not as_json:
            show(title, found[title])
    if as_json:
        print(json.dumps(found))
