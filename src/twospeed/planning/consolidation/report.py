"""What a consolidation reports: what was learned, what was lost, and how to check it."""

from collections.abc import Mapping, Sequence
from typing import Any

from twospeed.core.config import to_json
from twospeed.evaluation.reports.provenance import provenance_of
from twospeed.planning.consolidation.config import SlowFastRun
from twospeed.planning.consolidation.matrix import Row
from twospeed.training.consolidation.lessons import Lesson
from twospeed.worldmodel.model import WorldModel

NOTES = (
    "loss: mean squared error of diffusion on recorded episodes, what is lost is the share by which"
    " it grew; obeyed: share of commands; recall: decibels that the memory of an episode adds at"
    " revisits; retrace, put_back: metres. Before and after see the same episodes and the same"
    " noise. A skill after one that broke its bound was not measured at that share of the way"
)


def report_of(
    model: WorldModel,
    config: SlowFastRun,
    *,
    rows: Sequence[Row],
    tried: Sequence[tuple[float, Sequence[Row]]],
    share: float,
    learned: Mapping[str, Mapping[str, float]],
    lessons: tuple[Sequence[Lesson], Sequence[Lesson]],
    seconds: float,
) -> dict[str, Any]:
    """Return the report of a consolidation as JSON values.

    Args:
        model: with the weights that are kept.
        config: all settings.
        rows: the forgetting matrix of these weights.
        tried: every share of the way that was measured, and its matrix as far as it goes.
        share: of the way from the old weights to the new ones that is kept.
        learned: losses on held-out lessons "before", "learned" and "kept".
        lessons: those that were learned from, and those held out.
        seconds: spent on learning in this run of the command.
    """
    first = config.matrix.first_seed
    return {
        "how": config.learning.how,
        "verdict": verdict_of(share),
        "share": share,
        "matrix": [row.to_json(first) for row in rows],
        "tried": [
            {
                "share": one,
                "kept": all(row.is_kept for row in those),
                "broken": [row.before.name for row in those if not row.is_kept],
                "matrix": [row.to_json(first) for row in those],
            }
            for one, those in tried
        ],
        "held_out_lessons": {name: dict(values) for name, values in learned.items()},
        "lessons": _of_lessons(*lessons),
        "seconds_of_learning": round(seconds, 1),
        "provenance": provenance_of(model)
        | {"config": to_json(config), "weights": model.fingerprint()},
        "notes": NOTES,
    }


def verdict_of(share: float) -> str:
    """Say in a word what became of the new weights."""
    return {1.0: "kept", 0.0: "rolled back"}.get(share, "blended")


def _of_lessons(learn_from: Sequence[Lesson], held_out: Sequence[Lesson]) -> dict[str, Any]:
    both = (*learn_from, *held_out)
    return {
        "learned_from": [lesson.path.name for lesson in learn_from],
        "held_out": [lesson.path.name for lesson in held_out],
        "seeds": sorted(lesson.notes.seed for lesson in both),
        "later_chunks": sum(len(lesson.later) for lesson in learn_from),
        "sha256": {name: it for lesson in both for name, it in lesson.sha256().items()},
    }


def card_of(report: Mapping[str, Any]) -> str:
    """Return the text of the model's ``README.md``."""
    lessons = report["lessons"]
    rows = "\n".join(
        f"| {it['skill']}, {it['world']} | {it['before']} | {it['after']} | {it['bound']} |"
        for it in report["matrix"]
        if not it["missing"]
    )
    return (
        f"# Consolidated world model\n\nSlow weights that learned from"
        f" {len(lessons['learned_from'])} memories ({report['how']}), {report['share']:.1%} of the"
        f" way from the old weights to the new ones: {report['verdict']}.\n\n"
        f"| skill | before | after | bound |\n|---|---|---|---|\n{rows}\n"
    )
