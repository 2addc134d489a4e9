"""One HTML page with the figures of a demo; pictures are inside it, the video lies beside it."""

from collections.abc import Mapping
from typing import Any

from twospeed.core.page import figures_of, page_of, paragraph_of, table_of
from twospeed.evaluation.reports.plots import NAMES

_VIDEO = '<video src="demo.mp4" controls loop muted autoplay></video>'
_HEAD = ("arm", "PSNR, dB", "SSIM", "landmarks recalled", "motion kept")
_NOTES = (
    "Means over {episodes} episodes and 95 % bootstrap intervals over episodes, at frames whose"
    " pose had been seen before. Landmarks: the true object is the nearest of eight; chance is"
    " 12.5 %. Motion kept: relative to the truth's. All arms go through the autoencoder."
)


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
    parts = [
        paragraph_of(line, "good"),
        paragraph_of(story),
        _VIDEO,
        "<h2>The way back, frame by frame</h2>",
        figures_of(sheets, "pixels"),
        "<h2>Figures</h2>",
        table_of((_row(arm, route) for arm in route["psnr_db"]), head=_HEAD),
        paragraph_of(_NOTES.format(episodes=route["episodes"]), "small"),
        figures_of(plots, "plot"),
        "<h2>Where the numbers come from</h2>",
        table_of(((name, str(it)) for name, it in figures["facts"].items()), kind="facts"),
        paragraph_of("All numbers: figures.json beside this page.", "small"),
    ]
    return page_of(title, parts)


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


def _row(arm: str, route: Mapping[str, Any]) -> list[str]:
    return [
        NAMES[arm],
        interval_text(route["psnr_db"][arm]),
        interval_text(route["ssim"][arm]),
        interval_text(route["landmark_recall"][arm], digits=0, scale=100, unit=" %"),
        interval_text(route["motion_kept"][arm]),
    ]
