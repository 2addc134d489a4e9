"""Pages of HTML that stand alone: one look, pictures inside them, every text escaped.

Holds: `page_of`, its parts `paragraph_of`, `list_of`, `table_of`, `figures_of`, and `png_of`. Holds
not: what a page says; that stands beside what it is about.
"""

import base64
import html
import io
from collections.abc import Iterable, Mapping
from string import Template

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem;
       color: #1c1c20; background: #f7f6f2 }
img, video { max-width: 100% }
video, .pixels { image-rendering: pixelated }
.plot { background: white }
figure { margin: 1rem 0; display: inline-block; vertical-align: top }
table { border-collapse: collapse }
td, th { padding: .2rem 1rem .2rem 0; text-align: left; font-variant-numeric: tabular-nums }
.numbers td:not(:first-child), .numbers th:not(:first-child) { text-align: right }
.good, .bad { border-left: 4px solid #0a7d5a; padding-left: .8rem }
.bad { border-color: #b5301d }
small { color: #666 }
</style>
<h1>$title</h1>
$body
</html>
""")


def page_of(title: str, parts: Iterable[str]) -> str:
    """Return a page.

    Args:
        title: plain text.
        parts: HTML, in order.
    """
    return _PAGE.substitute(title=html.escape(title), body="\n".join(parts))


def paragraph_of(text: str, kind: str = "") -> str:
    """Return plain text as a paragraph; `kind` "good" or "bad" marks it, "small" makes it small."""
    text = html.escape(text)
    if kind == "small":
        return f"<p><small>{text}</small></p>"
    return f'<p class="{kind}">{text}</p>' if kind else f"<p>{text}</p>"


def list_of(lines: Iterable[str]) -> str:
    """Return plain lines as a list, and nothing where there are none."""
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def table_of(
    rows: Iterable[Iterable[str]], *, head: Iterable[str] = (), kind: str = "numbers"
) -> str:
    """Return a table of plain texts; of `kind` "numbers", all columns but the first stand right."""
    headings = _row_of(head, "th")
    lines = [f'<table class="{kind}">', *([headings] if headings else [])]
    return "\n".join([*lines, *(_row_of(row, "td") for row in rows), "</table>"])


def _row_of(cells: Iterable[str], tag: str) -> str:
    inner = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)
    return f"<tr>{inner}</tr>" if inner else ""


def figures_of(pictures: Mapping[str, bytes], kind: str = "") -> str:
    """Return pictures, description -> PNG; "pixels" stay square, a "plot" gets a white ground."""
    return "\n".join(_figure_of(text, png, kind) for text, png in pictures.items())


def _figure_of(text: str, png: bytes, kind: str) -> str:
    data, text = base64.b64encode(png).decode(), html.escape(text)
    return (
        f'<figure><figcaption><small>{text}</small></figcaption><img class="{kind}" alt="{text}"'
        f' src="data:image/png;base64,{data}"></figure>'
    )


def png_of(picture_HWC: NDArray[np.uint8]) -> bytes:
    """Return a picture, uint8 (H, W, 3), as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture_HWC).save(buffer, format="PNG")
    return buffer.getvalue()
