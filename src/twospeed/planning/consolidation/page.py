"""A page of a consolidation that stands alone: before and after, bounds, verdict, hashes."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from twospeed.core.files import written_aside
from twospeed.core.page import list_of, page_of, paragraph_of, table_of

PAGE = "index.html"

_HEAD = ("skill", "before", "after", "lost", "bound", "kept", "episodes", "seeds")
_VERDICTS = {
    "kept": ("The new weights break no bound and are kept.", "good"),
    "blended": ("The new weights broke a bound: the model goes a part of the way.", "bad"),
    "rolled back": ("No part of the way kept all bounds: the model is the old one.", "bad"),
}


def write_page(folder: Path, report: Mapping[str, Any]) -> None:
    """Write the page of a run into its folder.

    Args:
        folder: the run's.
        report: what `report_of` returns.
    """
    with written_aside(folder / PAGE) as aside:
        aside.write_text(page_of_report(report), encoding="utf-8")


def page_of_report(report: Mapping[str, Any]) -> str:
    """Return the page."""
    told, kind = _VERDICTS[report["verdict"]]
    made = report["provenance"]
    parts = [
        paragraph_of(f"{told} Share of the way: {report['share']:.1%}.", kind),
        paragraph_of("What the model that is written can do, and what it could do before:"),
        table_of(_of_matrix(report["matrix"]), head=_HEAD),
        paragraph_of("Every share of the way that was tried, and the first bound it broke:"),
        table_of(_of_tried(report["tried"]), head=("share", "kept", "broken", "lost", "bound")),
        paragraph_of("Held-out memories, mean over their later chunks:"),
        table_of(*_of_lessons(report["held_out_lessons"])),
        paragraph_of(f"Learned ({report['how']}) from {_counts(report['lessons'])}."),
        paragraph_of(str(report["notes"]), "small"),
        paragraph_of(f"Weights {made['weights']}, code {made['code']['source_hash']}.", "small"),
        list_of(f"{name}: {value}" for name, value in _leaves(made["config"])),
        list_of(f"{name} {value}" for name, value in report["lessons"]["sha256"].items()),
    ]
    return page_of("Consolidation", parts)


def _of_matrix(rows: Iterable[Mapping[str, Any]]) -> Iterable[list[str]]:
    for row in rows:
        name = f"{row['skill']}, {row['world']} ({row['unit']})"
        if row["missing"]:
            yield [name, row["missing"], *[""] * (len(_HEAD) - 2)]
            continue
        figures = [f"{row[it]:.4f}" for it in ("before", "after", "lost", "bound")]
        seeds = "{} to {}".format(*row["seeds"])
        yield [name, *figures, "yes" if row["kept"] else "no", str(row["episodes"]), seeds]


def _of_tried(tried: Iterable[Mapping[str, Any]]) -> Iterable[list[str]]:
    for one in tried:
        broken = [row for row in one["matrix"] if row["kept"] is False][:1]
        told = [[", ".join(one["broken"]), f"{it['lost']:.4f}", f"{it['bound']}"] for it in broken]
        kept = "yes" if one["kept"] else "no"
        yield [f"{one['share']:.1%}", kept, *(told[0] if told else ["", "", ""])]


def _of_lessons(
    learned: Mapping[str, Mapping[str, float]],
) -> tuple[list[list[str]]]:
    names = list(learned["before"])
    head = ["", *names]
    return ([head, *([who, *(f"{of[it]:.4f}" for it in names)] for who, of in learned.items())],)


def _counts(lessons: Mapping[str, Any]) -> str:
    return (
        f"{lessons['later_chunks']} chunks of {len(lessons['learned_from'])} memories;"
        f" {len(lessons['held_out'])} are held out"
    )


def _leaves(config: Any, path: str = "") -> Iterable[tuple[str, Any]]:
    """Yield every setting by its path."""
    if not isinstance(config, Mapping):
        yield path, config
        return
    for name, value in config.items():
        yield from _leaves(value, f"{path}.{name}".strip("."))
