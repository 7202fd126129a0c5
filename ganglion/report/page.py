"""A self-contained HTML page: text, tables and pictures in one file, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["Page"]

STYLE = """
:root { color-scheme: light; --ink: #1f2933; --soft: #5b6875; --line: #d5dbe1; --blue: #2563a8; --bad: #b3261e; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2.5rem 1.25rem 4rem; color: var(--ink); background: #fff;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem; padding-top: .9rem; border-top: 1px solid var(--line); }
p { margin: .5rem 0; max-width: 46rem; } .lead { color: var(--soft); font-size: 1.05rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(12.5rem, 1fr)); gap: .75rem; margin: 1.4rem 0; }
.card { border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; }
.card b { display: block; font-size: 1.5rem; line-height: 1.3; color: var(--blue); font-variant-numeric: tabular-nums; }
.card.bad b { color: var(--bad); } .card span { color: var(--soft); font-size: .86rem; }
figure { margin: 1rem 0; } figure img { width: 100%; height: auto; display: block; }
figcaption { color: var(--soft); font-size: .88rem; margin-top: .3rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; margin: .6rem 0; }
th, td { text-align: right; padding: .22rem .8rem; border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums; }
th { font-weight: 600; color: var(--soft); vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tr.total td { font-weight: 600; } code { font-size: .88em; background: #f2f4f6; padding: .1em .3em; }
"""


class Page:
    """A page under construction; texts are escaped."""

    def __init__(self, title: str, lead: str) -> None:
        self._title = title
        self._parts = [f"<h1>{escape(title)}</h1>", f'<p class="lead">{escape(lead)}</p>']

    def heading(self, text: str) -> None:
        """A new section."""
        self._parts.append(f"<h2>{escape(text)}</h2>")

    def text(self, text: str) -> None:
        """A paragraph."""
        self._parts.append(f"<p>{escape(text)}</p>")

    def cards(self, cards: Iterable[tuple[str, str, bool]]) -> None:
        """Figures that matter: (value, what it is, whether it is good)."""
        boxes = "".join(
            f'<div class="card{"" if good else " bad"}"><b>{escape(value)}</b><span>{escape(name)}</span></div>'
            for value, name, good in cards
        )
        self._parts.append(f'<div class="cards">{boxes}</div>')

    def picture(self, svg: str, caption: str) -> None:
        """A picture, embedded: as an image of its own its names cannot meet those of another picture."""
        data = base64.b64encode(svg.encode()).decode("ascii")
        self._parts.append(
            f'<figure><img alt="{escape(caption)}" src="data:image/svg+xml;base64,{data}">'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )

    def table(self, heading: Sequence[str], rows: Iterable[Sequence[str]], *, n_totals: int = 0) -> None:
        """A table; its last ``n_totals`` rows stand out."""
        rows = list(rows)
        head = "".join(f"<th>{escape(cell)}</th>" for cell in heading)
        body = []
        for number, row in enumerate(rows):
            kind = ' class="total"' if number >= len(rows) - n_totals else ""
            body.append(f"<tr{kind}>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>")
        self._parts.append(
            f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'
        )

    def html(self) -> str:
        """The whole page."""
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(self._title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
            + "\n".join(self._parts)
            + "\n</body>\n</html>\n"
        )
