"""A page of a plan: its arms, every episode, and sheets of the best and the worst of each arm."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twospeed.core.files import written_aside
from twospeed.core.page import figures_of, page_of, paragraph_of, table_of
from twospeed.planning.episodes import Result

PAGE = "index.html"

_ARMS = ("arm", "distance, m", "done, %", "chunks", "replans")


def write_page(out: Path, report: Mapping[str, Any], results: Sequence[Result]) -> None:
    """Write the page of a run into its folder, where its sheets are.

    Args:
        out: the folder of the run.
        report: what `measure_plans` returns.
        results: of every arm in every episode.
    """
    with written_aside(out / PAGE) as aside:
        aside.write_text(page_of_plan(report, results, out / "sheets"), encoding="utf-8")


def page_of_plan(report: Mapping[str, Any], results: Sequence[Result], sheets: Path) -> str:
    """Return the page, with its pictures inside.

    Args:
        report: what `measure_plans` returns.
        results: of every arm in every episode.
        sheets: a folder of ``SEED-ARM.png``; an arm that imagined nothing has none.
    """
    parts = [
        paragraph_of(
            f"{report['episodes']} episodes from seed {report['first_seed']} on; before anything"
            f" was done: {_interval(report['distance_at_start_m'])} m."
            f" {report['skipped_solved']} starts were solved already and left out."
        ),
        table_of(_of_arms(report["arms"]), head=_ARMS),
        *_less(report),
        paragraph_of("Metres, episode by episode; ✓ is a success:"),
        table_of(_of_episodes(results), head=["episode", "before", *report["arms"]]),
        figures_of(_shown(results, sheets), "pixels"),
        paragraph_of(str(report["notes"]), "small"),
    ]
    return page_of(f"{report['task']} in {report['world']}", parts)


def _of_arms(arms: Mapping[str, Any]) -> Iterable[list[str]]:
    for name, arm in arms.items():
        done = _interval(arm["success"], factor=100, digits=0)
        yield [name, _interval(arm["distance_m"]), done, f"{arm['chunks']}", f"{arm['replans']}"]


def _less(report: Mapping[str, Any]) -> list[str]:
    """Return how much nearer the arm "on" came than the others, paired; nothing without it."""
    less = report.get("less_distance_m")
    if not less:
        return []
    rows = ([name, _interval(value)] for name, value in less.items())
    told = "How much nearer it came with memory than otherwise, episode by episode:"
    return [paragraph_of(told), table_of(rows, head=("than", "m, paired"))]


def _of_episodes(results: Sequence[Result]) -> Iterable[list[str]]:
    for seed in dict.fromkeys(one.seed for one in results):
        those = [one for one in results if one.seed == seed]
        yield [str(seed), f"{those[0].start_m:.2f}", *map(_told, those)]


def _told(one: Result) -> str:
    return f"{one.distance_m:.2f}{' ✓' if one.success else ' failed' if one.failure else ''}"


def _shown(results: Sequence[Result], sheets: Path) -> dict[str, bytes]:
    """Return the sheets of the best and the worst episode of every arm that has sheets."""
    pictures: dict[str, bytes] = {}
    for arm in dict.fromkeys(one.arm for one in results):
        those = sorted((one for one in results if one.arm == arm), key=lambda it: it.distance_m)
        for one, word in zip(dict.fromkeys((those[0], those[-1])), ("best", "worst"), strict=False):
            sheet = sheets / f"{one.seed}-{arm}.png"
            if sheet.exists():
                told = f"{arm}, the {word}: episode {one.seed}, {one.distance_m:.2f} m"
                pictures[told] = sheet.read_bytes()
    return pictures


def _interval(value: Mapping[str, float], *, factor: float = 1, digits: int = 2) -> str:
    mean, low, high = (f"{factor * value[it]:.{digits}f}" for it in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"
