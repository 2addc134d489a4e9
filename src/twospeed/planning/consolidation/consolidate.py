"""``twospeed consolidate``: learn from memories, look what is forgotten, go back as far as needed.

MODEL2/       the model, written last
MODEL2.run/   what is found on the way; the same command goes on there
    learning/              journal and checkpoint of the gradient steps
    new.safetensors        the slow weights at the end of learning
    measured/SHARE.json    skills of the weights so far on the way; 0 are the old ones
    report.json, index.html
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from twospeed.core.arguments import check_kind
from twospeed.core.config import to_json
from twospeed.core.fields import checked
from twospeed.core.files import StrPath, as_path, read_json, write_json, written_aside
from twospeed.core.folders import check_new
from twospeed.core.progress import progress
from twospeed.core.ranges import Minutes
from twospeed.core.runs.claims import claimed
from twospeed.core.tensors import read_tensors
from twospeed.core.untrusted import resuming, typed
from twospeed.planning.consolidation.config import SlowFastRun
from twospeed.planning.consolidation.matrix import Row, rows_of
from twospeed.planning.consolidation.page import write_page
from twospeed.planning.consolidation.report import card_of, report_of
from twospeed.planning.consolidation.rollback import between, furthest_kept
from twospeed.planning.consolidation.skills import Measured, measure, worlds_of
from twospeed.training.consolidation.closed import solve_
from twospeed.training.consolidation.learning import LessonLoop, parted
from twospeed.training.consolidation.lessons import Lesson, lessons_in
from twospeed.training.loop import run_loop
from twospeed.training.parallel.processes import make_accelerator
from twospeed.worldmodel.contract import as_module
from twospeed.worldmodel.model import WorldModel

NOTE = "consolidation.json"
"""Says in MODEL2.run what is made there."""

Weights = dict[str, Tensor]


def run_folder(out: Path) -> Path:
    """Return where the run of a model's folder lies: beside it."""
    return out.with_name(out.name + ".run")


def consolidate(
    model: WorldModel,
    memories: StrPath,
    out: StrPath,
    config: SlowFastRun,
    *,
    minutes: float | None = None,
) -> dict[str, Any]:
    """Let slow weights learn from memories, write them to `out`, and return the report.

    Args:
        model: the slow weights; afterwards its own are those of `out`.
        memories: a folder of lessons (`keep_lesson`), all of this model.
        out: a new folder; what is found on the way lies beside it (`run_folder`).
        config: how they learn, and what must not be forgotten.
        minutes: about how long they learn at most; None takes all steps.

    Raises:
        ConfigError: when the memories do not act on the denoiser, or the closed form is asked of a
            denoiser without a recall layer.
        DataError: when `out` is there, its run folder holds another run, or there are no two whole
            memories of this model.
    """
    check_kind(model, WorldModel, "model")
    check_kind(config, SlowFastRun, "config")
    out, minutes = as_path(out, "out"), checked(minutes, Minutes | None, "minutes")
    check_new(out)
    lessons = lessons_in(memories, model)
    with _own(out, model, lessons, config):
        run = _Run(model, lessons, config, run_folder(out))
        new = run.learned(minutes)
        share = furthest_kept(lambda it: run.keeps(new, it), config.halvings)
        report = run.report(new, share)
        write_json(run.folder / "report.json", report)
        write_page(run.folder, report)
        model.save_pretrained(out, half=model.origin is None, card=card_of(report))
    return report


@contextmanager
def _own(
    out: Path, model: WorldModel, lessons: Sequence[Lesson], config: SlowFastRun
) -> Iterator[None]:
    """Hold the run folder, with all that the result depends on."""
    wanted = {
        "config": to_json(config),
        "model": model.hash(),
        "weights": model.fingerprint(),
        "memories": {name: it for lesson in lessons for name, it in lesson.sha256().items()},
    }
    work = ("learning/checkpoint", "measured/*.json", "new.safetensors")
    scraps = ("learning/*", "report.json", "index.html")
    with claimed(run_folder(out), NOTE, wanted, kind="run", work=work, scraps=scraps):
        yield


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Weights so far on the way, and what they can do."""

    share: float
    rows: list[Row]

    @property
    def is_kept(self) -> bool:
        return all(row.is_kept for row in self.rows)


class _Run:
    """One consolidation on its way."""

    def __init__(
        self, model: WorldModel, lessons: Sequence[Lesson], config: SlowFastRun, folder: Path
    ) -> None:
        self.model, self.config, self.folder = model, config, folder
        self.lessons = list(lessons)
        self.learn_from, self.held_out = parted(lessons, config.learning.held_out_every)
        self.old: Weights = {k: v.clone() for k, v in model.denoiser.state_dict().items()}
        self.before = {it.name: it for it in self._measured(0.0, None)}
        self.tried: list[_Candidate] = []
        self.seconds = 0.0

    def learned(self, minutes: float | None) -> Weights:
        """Return the slow weights at the end of learning; the model keeps its own."""
        path = self.folder / "new.safetensors"
        if not path.exists():
            began = time.monotonic()
            new = self._learn(minutes)
            self.seconds = time.monotonic() - began
            with written_aside(path) as aside:
                save_file({name: it.contiguous() for name, it in new.items()}, aside)
        with resuming(path):
            new = read_tensors(path)
            self.model.denoiser.load_state_dict(new)
        self._put(self.old)
        return new

    def _learn(self, minutes: float | None) -> Weights:
        learning, model = self.config.learning, self.model
        if learning.how == "closed":
            solve_(model, self.learn_from, ridge=learning.ridge, seed=learning.loop.seed)
            return dict(model.denoiser.state_dict())
        loop = LessonLoop(model, self.learn_from, learning)
        model.denoiser.requires_grad_(True)
        averaged = run_loop(
            as_module(model.denoiser),
            loop.loss,
            learning.loop,
            out=self.folder / "learning",
            minutes=minutes,
            accelerator=make_accelerator(device=str(model.device.type)),
            label="consolidating",
            round_steps=learning.steps_per_round,
        )
        model.denoiser.requires_grad_(False)
        return dict(averaged.state_dict())

    def keeps(self, new: Weights, share: float) -> bool:
        """Say whether no skill loses more than its bound so far on the way."""
        self._put(between(self.old, new, share))
        found = self._measured(share, self.before)
        rows = rows_of(self.before, found, self.config.matrix.bounds)
        self.tried.append(_Candidate(share, rows))
        return self.tried[-1].is_kept

    def _measured(self, share: float, before: dict[str, Measured] | None) -> list[Measured]:
        """Measure the model, unless that was done before; stop where a bound is broken."""
        path = self.folder / "measured" / f"{share:.6f}.json"
        if path.exists():
            with resuming(path):
                return list(typed(tuple[Measured, ...], read_json(path)["skills"], str(path)))
        matrix, found = self.config.matrix, list[Measured]()
        total = len(matrix.skills) * len(worlds_of(self.model, matrix))
        with progress(f"skills at {share:.0%} of the way", total=total, unit="skills") as advance:
            for one in measure(self.model, matrix):
                found.append(one)
                advance(note=one.name)
                if before and not rows_of(before, [one], matrix.bounds)[0].is_kept:
                    break
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"skills": [to_json(it) for it in found]})
        return found

    def _put(self, weights: Weights) -> None:
        self.model.denoiser.load_state_dict(weights)
        self.model.denoiser.eval()

    def report(self, new: Weights, share: float) -> dict[str, Any]:
        """Return the report; the model is left with the weights that are kept."""
        learned = {"before": self._on_lessons(self.old), "learned": self._on_lessons(new)}
        kept = between(self.old, new, share)
        learned["kept"] = learned["learned"] if share == 1 else self._on_lessons(kept)
        rows = next((it.rows for it in self.tried if it.share == share), [])
        rows = rows or rows_of(self.before, list(self.before.values()), self.config.matrix.bounds)
        return report_of(
            self.model,
            self.config,
            rows=rows,
            tried=[(it.share, it.rows) for it in self.tried],
            share=share,
            learned=learned,
            lessons=(self.learn_from, self.held_out),
            seconds=self.seconds,
        )

    def _on_lessons(self, weights: Weights) -> dict[str, float]:
        self._put(weights)
        loop = LessonLoop(self.model, self.learn_from, self.config.learning)
        return {name: round(it, 6) for name, it in loop.held_out(self.held_out).items()}
