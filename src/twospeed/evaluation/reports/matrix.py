"""The report of a run of memories: a page that sorts, tables, plots, sheets of clips, exports.

``report.html`` holds all its pictures; ``results.csv`` and ``episodes.csv`` are for other tools;
``clips/`` has the best, the median and the worst episode of every memory.
"""

import csv
import io
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from twospeed.core.errors import DataError
from twospeed.core.files import write_json, written_aside
from twospeed.core.page import figures_of, list_of, page_of, paragraph_of, png_of, table_of
from twospeed.core.video import Frames, read_video
from twospeed.evaluation.reports.page import interval_text
from twospeed.evaluation.reports.pictures import contact_sheet
from twospeed.evaluation.reports.plots import plot_costs, plot_curves
from twospeed.evaluation.reports.sorting import SORTED, sortable

Json = Mapping[str, Any]

RANKED_BY = ("psnr_db", "src_twospeed", "motion_kept")
"""Metrics that rank episodes: the first that was computed."""

_SHOWN = 8
_INTERVAL = ("mean", "low", "high", "n")


def write_report(folder: Path, report: Json) -> None:
    """Write everything about a run beside its ``results.json``.

    Args:
        folder: of the run.
        report: what `run_matrix` returned.

    Raises:
        DataError: when a clip is missing or the disk is full.
    """
    arms = report["memories"] | report["controls"]
    metrics = metrics_in(arms)
    _write_csv(folder / "results.csv", ("arm", "metric", *_INTERVAL), _rows(arms, metrics))
    _write_csv(folder / "episodes.csv", ("arm", "seed", "metric", "value"), _episode_rows(report))
    picks = {arm: _picks(report["per_episode"][arm]) for arm in report["memories"]}
    for arm, chosen in picks.items():
        for rank, seed in chosen.items():
            _copy(_clip(folder, arm, seed), folder / "clips" / f"{arm}-{rank}-{seed}.mp4")
    page = _page(report, metrics, _sheets(folder, picks), _plots(report))
    write_json(folder / ".eval_results" / "twospeed.yaml", card_entries(report))
    with written_aside(folder / "report.html") as aside:
        aside.write_text(page, encoding="utf-8")


def metrics_in(arms: Json) -> list[str]:
    """Return the metrics that any arm has a mean of, in their order."""
    first = next(iter(arms.values()))
    return [name for name in first if any("mean" in _of(arm, name) for arm in arms.values())]


def _of(arm: Json, name: str) -> Json:
    found = arm.get(name)
    return found if isinstance(found, dict) else {}


def _rows(arms: Json, metrics: Sequence[str]) -> Iterable[Sequence[Any]]:
    for arm, found in arms.items():
        for name in metrics:
            if "mean" in _of(found, name):
                yield (arm, name, *(found[name][part] for part in _INTERVAL))


def _episode_rows(report: Json) -> Iterable[Sequence[Any]]:
    for arm, episodes in report["per_episode"].items():
        for one in episodes:
            for name, value in one["values"].items():
                yield arm, one["seed"], name, value


def _write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    with written_aside(path) as aside:
        aside.write_text(text.getvalue(), encoding="utf-8")


def _picks(episodes: Sequence[Json]) -> dict[str, int]:
    """Return the seeds of the best, median and worst episode."""
    known = [name for name in RANKED_BY if episodes[0]["values"].get(name) is not None]
    if not known:
        return {}
    ranked = sorted(episodes, key=lambda it: -(it["values"].get(known[0]) or 0.0))
    places = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1}
    return {rank: int(ranked[place]["seed"]) for rank, place in places.items()}


def _clip(folder: Path, arm: str, seed: int) -> Path:
    return folder / "episodes" / arm / f"{seed:09d}.mp4"


def _copy(source: Path, to: Path) -> None:
    if not source.is_file():
        raise DataError(f"{source} is missing: run the same command again")
    with written_aside(to) as aside:
        shutil.copyfile(source, aside)


def _sheets(folder: Path, picks: Mapping[str, Mapping[str, int]]) -> dict[str, bytes]:
    """Return a contact sheet a rank: of every memory's own episode, the truth above it."""
    sheets = {}
    for rank in ("best", "median", "worst"):
        rows: dict[str, Frames] = {}
        for arm, chosen in picks.items():
            if rank in chosen:
                rows[f"{arm} {chosen[rank]}"] = _strip(_clip(folder, arm, chosen[rank]))
                rows[f"truth {chosen[rank]}"] = _strip(_clip(folder, "real", chosen[rank]))
        if rows:
            columns = [f"{index + 1}/{_SHOWN}" for index in range(_SHOWN)]
            title = f"{rank} episode of every memory, from its first generated frame to its last"
            sheets[title] = png_of(contact_sheet(rows, columns, title=title, factor=1))
    return sheets


def _strip(path: Path) -> Frames:
    frames = read_video(path)
    places = np.linspace(0, len(frames) - 1, _SHOWN).round().astype(int)
    return np.stack([frames[place] for place in places])


def _plots(report: Json) -> dict[str, bytes]:
    memories = report["memories"]
    plots = {"quality against cost": plot_costs(memories)} if _has_psnr(memories) else {}
    curves = {arm: it["curve"] for arm, it in memories.items() if "curve" in it}
    if curves:
        plots["recall against age, frames since a pose was seen"] = plot_curves(curves)
    return plots


def _has_psnr(memories: Json) -> bool:
    return all("mean" in it["psnr_db"] for it in memories.values())


def _page(
    report: Json, metrics: Sequence[str], sheets: Mapping[str, bytes], plots: Mapping[str, bytes]
) -> str:
    protocol, arms = report["protocol"], report["memories"] | report["controls"]
    head = ("arm", *metrics, "seconds a chunk", "bytes kept")
    rows = ((arm, *(_cell(it, name) for name in metrics), *_costs(it)) for arm, it in arms.items())
    facts = report["provenance"]
    parts = [
        paragraph_of(f"{protocol['summary']} (version {protocol['version']})."),
        paragraph_of(
            f"Means over {report['episodes']} episodes from seed {report['first_seed']} on, 95 %"
            " bootstrap intervals over episodes. A click on a heading sorts."
        ),
        sortable(table_of(rows, head=head, kind=f"numbers {SORTED}")),
        "<h2>Before these are believed</h2>",
        list_of([*report["warnings"], *_missing(arms)]),
        figures_of(plots, "plot"),
        "<h2>Best, median, worst</h2>",
        figures_of(sheets, "pixels"),
        "<h2>Where the numbers come from</h2>",
        table_of(
            (
                ("model", str(facts["model"]["hash"])),
                ("code", f"{facts['code']['version']}, {facts['code']['source_hash']}"),
                ("machine", f"{facts['hardware']['processor']}, {facts['hardware']['device']}"),
                ("seconds", str(report["seconds"])),
            ),
            kind="facts",
        ),
    ]
    return page_of(f"Memories under {protocol['name']}", parts)


def _cell(arm: Json, name: str) -> str:
    found = _of(arm, name)
    return interval_text(found, digits=3) if "mean" in found else "-"


def _costs(arm: Json) -> tuple[str, str]:
    return str(arm.get("seconds_per_chunk", "-")), str(arm.get("bytes", "-"))


def _missing(arms: Json) -> list[str]:
    first = next(iter(arms.values()))
    lacking = [(name, _of(first, name).get("not_computed")) for name in first]
    return [f"{name} is not computed: {reason}" for name, reason in lacking if reason]


def card_entries(report: Json) -> list[dict[str, Any]]:
    """Return the results as a model's folder on the hub has them in ``.eval_results``.

    The files there are YAML, of which JSON is a part: one entry a memory and metric.
    """
    protocol, memories = report["protocol"], report["memories"]
    return [
        {
            "dataset": {"id": f"twospeed/{protocol['name']}", "task_id": name},
            "value": mean,
            "notes": f"memory {arm}, protocol version {protocol['version']}, n = {n},"
            f" 95 % interval {low} to {high}, seeds from {report['first_seed']}",
        }
        for arm, name, mean, low, high, n in _rows(memories, metrics_in(memories))
        if mean is not None
    ]
