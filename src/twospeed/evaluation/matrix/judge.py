"""What one memory's episode scores: frames in, numbers out; the controls are judged by it too."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.core.video import Frames
from twospeed.evaluation.matrix.protocol import Protocol
from twospeed.evaluation.matrix.task import Task
from twospeed.evaluation.metrics import frames as metrics
from twospeed.evaluation.metrics.landmarks import recalled
from twospeed.evaluation.metrics.revisits import consistency
from twospeed.evaluation.videos.judges import Judges
from twospeed.evaluation.videos.scores import ClipScores, score_clip
from twospeed.evaluation.yardstick.motion import obeyed

EXTRA = ("motion_kept", "landmark_recall", "adherence")
"""Metrics beside those of any folder of videos."""

NO_LANDMARKS = "this world tells no landmarks, or none comes again"
ROOMS_ONLY = "the motion reader knows rooms alone"
NOT_SCORED = "this protocol holds no frame against the truth"


def judge(judges: Judges, frames_THWC: Frames, task: Task, protocol: Protocol) -> ClipScores:
    """Score all generated frames of an episode.

    Args:
        judges: what judges.
        frames_THWC: the generated frames, from `task.first_judged` on.
        task: the episode.
        protocol: which of them count.
    """
    truth = task.frames[task.first_judged :]
    scores = score_clip(judges, frames_THWC, truth, [])
    chosen = scored_frames(task, protocol)
    for name in list(scores.frames.keys() - {"scene_cuts"}):
        if len(chosen):
            scores.values[name] = float(np.array(scores.frames[name])[chosen].mean())
        else:
            scores.missing[name] = NOT_SCORED
            del scores.values[name]
    scores.values["motion_kept"] = metrics.motion_kept(frames_THWC, truth)
    _at_revisits(judges, frames_THWC, task, scores)
    _obeyed(judges, frames_THWC, task, scores)
    return scores


def scored_frames(task: Task, protocol: Protocol) -> NDArray[np.int64]:
    """Return which of the generated frames are held against the truth."""
    first_visit = task.first_visit_T[task.first_judged :]
    if protocol.scored == "none":
        return np.array([], np.int64)
    is_scored = first_visit >= 0 if protocol.scored == "revisits" else np.full(len(first_visit), 1)
    return np.flatnonzero(is_scored)


def curve_of(scores: ClipScores, task: Task) -> list[list[Any]]:
    """Return (frames since the pose was seen, PSNR in dB) of every generated revisit."""
    first = task.first_judged
    again = np.flatnonzero(task.first_visit_T >= 0)
    values = scores.frames.get("psnr_db", [])
    return [
        [int(frame - task.first_visit_T[frame]), round(values[frame - first], 3)]
        for frame in again[again >= first]
        if values
    ]


def _at_revisits(judges: Judges, frames_THWC: Frames, task: Task, scores: ClipScores) -> None:
    whole = np.concatenate([task.frames[: task.first_judged], frames_THWC])
    visits = [(int(seen), frame) for frame, seen in enumerate(task.first_visit_T) if seen >= 0]
    looks = {"src_twospeed": judges.look_at_all, "src": judges.resnet18}
    for name, look in looks.items():
        if visits and not isinstance(look, str):
            scores.values[name] = consistency(look(whole), visits)
            scores.missing.pop(name, None)
    sightings = task.sightings()
    if sightings:
        found = recalled(sightings, frames_THWC, first=task.first_judged)
        scores.values["landmark_recall"] = float(found.mean())
    else:
        scores.missing["landmark_recall"] = NO_LANDMARKS


def _obeyed(judges: Judges, frames_THWC: Frames, task: Task, scores: ClipScores) -> None:
    before = task.frames[task.first_judged - 1 : task.first_judged]
    chunks = len(frames_THWC) // task.chunk_frames
    found = obeyed(judges.network, np.concatenate([before, frames_THWC]), task.actions[-chunks:])
    if found and task.world == "rooms":
        scores.values["adherence"] = float(np.mean(found))
    else:
        scores.missing["adherence"] = ROOMS_ONLY
