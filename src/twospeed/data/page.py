"""A folder about recorded data: numbers as JSON, pictures as PNG, and one page with them all."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from twospeed.core.config import to_json
from twospeed.core.files import read_json, write_json, written_aside
from twospeed.core.folders import FolderKind, check_shared
from twospeed.core.page import figures_of, list_of, page_of, paragraph_of, png_of, table_of
from twospeed.data.charts import PLOTS, charts_of
from twospeed.data.sheets import chosen_episodes, contact_sheet
from twospeed.data.statistics import Statistics
from twospeed.data.survey import Sample, Survey

MOST_LINES = 30
"""Lines of a list that the page shows."""

_HEAD = (
    "domain", "episodes", "for testing", "clips", "frames", "minutes", "scenes", "actions",
)  # fmt: skip
_NOTES = (
    "In a sheet, a row is an episode: its first frame, then the last frame of every chunk and the"
    " action that led there. All numbers: statistics.json beside this page."
)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:80].strip("-")


def _is_report(folder: Path) -> bool:
    keys = read_json(folder / "statistics.json").keys()
    return {"domains", "near_duplicates", "split_leaks"} <= keys


REPORT = FolderKind(
    name="a report on data",
    files=(
        "statistics.json",
        "index.html",
        *(f"{_slug(name)}.png" for name in PLOTS),
        "sheet-*.png",
    ),
    sign=_is_report,
)
"""What `write_report` writes."""


def write_report(found: Survey, numbers: Statistics, out: Path, *, title: str) -> list[Path]:
    """Write ``statistics.json``, ``*.png`` and ``index.html`` into a folder.

    Args:
        found: what was read.
        numbers: of the same.
        out: its files of these names are replaced if they are an earlier report's.
        title: heading of the page.

    Returns:
        The files.

    Raises:
        DataError: when the disk is full, or files of these names there are no report's.
    """
    check_shared(out, REPORT)
    plots = charts_of(found, numbers)
    sheets = {
        world: _png_of_sheet([it for it in found.samples if it.world == world])
        for world in numbers.domains
    }
    files = {f"{_slug(name)}.png": png for name, png in plots.items()}
    files |= {f"sheet-{_slug(world)}.png": png for world, png in sheets.items()}
    files["index.html"] = render_page(numbers, title=title, plots=plots, sheets=sheets).encode()
    for name, content in files.items():
        with written_aside(out / name) as aside:
            aside.write_bytes(content)
    write_json(out / "statistics.json", to_json(numbers))
    return [out / name for name in (*files, "statistics.json")]


def render_page(
    numbers: Statistics, *, title: str, plots: Mapping[str, bytes], sheets: Mapping[str, bytes]
) -> str:
    """Return the page; pictures (description -> PNG) are inside it."""
    parts = [
        paragraph_of(line_of(numbers)),
        "<h2>Domains</h2>",
        table_of((_row(name, numbers) for name in numbers.domains), head=_HEAD),
        "<h2>Split and doubles</h2>",
        *_findings(numbers),
        "<h2>Distributions</h2>",
        figures_of(plots, "plot"),
        "<h2>Episodes</h2>",
        figures_of(sheets, "pixels"),
        paragraph_of(_NOTES, "small"),
    ]
    return page_of(title, parts)


def line_of(numbers: Statistics) -> str:
    """Return all in one line."""
    return (
        f"{numbers.num_episodes:,} episodes, {numbers.num_clips:,} clips,"
        f" {numbers.num_frames:,} frames, {numbers.seconds / 60:.1f} minutes,"
        f" {numbers.num_bytes / 1e6:.1f} MB, {len(numbers.actions):,} different actions,"
        f" {len(numbers.domains)} domains"
    )


def findings_of(numbers: Statistics) -> dict[str, tuple[int, Sequence[str]]]:
    """Return what should not be -> (how often it is, a line for each case that is listed)."""
    pairs = [
        f"{pair.one} and {pair.other}{' (training and testing)' if pair.across_split else ''}"
        for pair in numbers.near_duplicates
    ]
    listed: dict[str, Sequence[str]] = {
        "scenes both in training and in testing": numbers.split_leaks,
        "episodes that are there more than once": numbers.doubles,
        "pairs of scenes that begin almost alike": pairs,
        "damaged shards": numbers.damaged,
    }
    unlisted = numbers.num_near_duplicates - len(pairs)
    return {
        what: (len(lines) + (unlisted if lines is pairs else 0), lines)
        for what, lines in listed.items()
    }


def _findings(numbers: Statistics) -> list[str]:
    parts = []
    for what, (count, lines) in findings_of(numbers).items():
        shown = list(lines[:MOST_LINES])
        if count > MOST_LINES:
            shown.append(f"and {count - MOST_LINES} more")
        parts += [paragraph_of(f"{what}: {count}", "bad" if lines else "good"), list_of(shown)]
    return parts


def _row(name: str, numbers: Statistics) -> list[str]:
    it = numbers.domains[name]
    return [
        name, f"{it.num_episodes:,}", f"{it.num_test_episodes:,}", f"{it.num_clips:,}",
        f"{it.num_frames:,}", f"{it.seconds / 60:.1f}", f"{it.num_scenes:,}", f"{it.num_actions:,}",
    ]  # fmt: skip


def _png_of_sheet(samples: Sequence[Sample]) -> bytes:
    return png_of(contact_sheet(chosen_episodes(samples)))
