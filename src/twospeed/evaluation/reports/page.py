"""One HTML page with the figures of a demo; pictures are inside it, the video lies beside it."""

import base64
import html
from collections.abc import Mapping
from string import Template
from typing import Any

from twospeed.evaluation.reports.plots import NAMES

_PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #1c1c20; background: #f7f6f2 }
img, video { max-width: 100%; image-rendering: pixelated }
img.plot { image-rendering: auto; background: white }
table { border-collapse: collapse }
td, th { padding: .2rem .8rem .2rem 0; text-align: left; font-variant-numeric: tabular-nums }
.verdict { font-size: 1.15rem; border-left: 4px solid #0a7d5a; padding-left: .8rem }
small { color: #666 }
</style>
<h1>$title</h1>
<p class="verdict">$line</p>
<p>$story</p>
<video src="demo.mp4" controls loop muted autoplay></video>
<h2>The way back, frame by frame</h2>
$sheets
<h2>Figures</h2>
<table>
<tr><th>arm</th><th>PSNR, dB</th><th>SSIM</th><th>landmarks recalled</th><th>motion kept</th></tr>
$rows
</table>
<p><small>Means over $episodes episodes and 95 % bootstrap intervals over episodes, at frames whose
pose had been seen before. Landmarks: the true object is the nearest of eight; chance is 12.5 %.
Motion kept: relative to the truth's. All arms go through the autoencoder.</small></p>
$plots
<h2>Where the numbers come from</h2>
<table>
$facts
</table>
<p><small>All numbers: figures.json beside this page.</small></p>
</html>
""")


def render_page(
    figures: Mapping[str, Any],
    *,
    title: str,
    line: str,
    story: str,
    sheets: Mapping[str, bytes],
    plots: Mapping[str, bytes],
) -> str:
    """Return the page.

    Args:
        figures: what is in figures.json: "route" (see summary.py) and "facts".
        title: heading.
        line: what the figures show, in one line.
        story: what was done.
        sheets: description -> PNG bytes.
        plots: description -> PNG bytes.
    """
    route = figures["route"]
    return _PAGE.substitute(
        title=html.escape(title),
        line=html.escape(line),
        story=html.escape(story),
        episodes=route["episodes"],
        sheets="\n".join(_picture(text, png, "sheet") for text, png in sheets.items()),
        plots="\n".join(_picture(text, png, "plot") for text, png in plots.items()),
        rows="\n".join(_row(arm, route) for arm in route["psnr_db"]),
        facts="\n".join(_fact(name, value) for name, value in figures["facts"].items()),
    )


def interval_text(
    interval: Mapping[str, Any],
    *,
    digits: int = 2,
    scale: float = 1,
    sign: str = "",
    unit: str = "",
) -> str:
    """Return such as "1.20 [0.80, 1.60]", or "-" where there is no value."""
    if interval["mean"] is None:
        return "-"
    mean, low, high = (
        f"{scale * interval[part]:{sign}.{digits}f}" for part in ("mean", "low", "high")
    )
    return f"{mean} [{low}, {high}]{unit}"


def _row(arm: str, route: Mapping[str, Any]) -> str:
    cells = [
        NAMES[arm],
        interval_text(route["psnr_db"][arm]),
        interval_text(route["ssim"][arm]),
        interval_text(route["landmark_recall"][arm], digits=0, scale=100, unit=" %"),
        interval_text(route["motion_kept"][arm]),
    ]
    return "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"


def _fact(name: str, value: Any) -> str:
    return f"<tr><td>{html.escape(name)}</td><td>{html.escape(str(value))}</td></tr>"


def _picture(text: str, png: bytes, kind: str) -> str:
    data = base64.b64encode(png).decode()
    text = html.escape(text)
    return f'<p>{text}<br><img class="{kind}" alt="{text}" src="data:image/png;base64,{data}"></p>'
