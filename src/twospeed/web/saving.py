"""A session as a folder: `open_session` goes on from it bit for bit.

    session.json        start, seed, actions, the model's hash
    state.safetensors   latents of the past frames, the first and the last shown frames, keys and
                        thumbnails of the microscope
    memory/             the memory, as files of its own kind

What could be undone is not saved.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from twospeed.core.config import to_json
from twospeed.core.errors import DataError, TwospeedError
from twospeed.core.files import read_json, write_json
from twospeed.core.folders import FolderKind, folder_aside, recover
from twospeed.core.pictures import Frame, Size
from twospeed.core.ranges import Seed, Within
from twospeed.core.untrusted import parsing, typed
from twospeed.memory.files import MEMORY, load_memory, save_memory
from twospeed.memory.memory_file import memory_of, open_memories
from twospeed.web.frames import TRUTH, Shown
from twospeed.web.session import Session
from twospeed.web.truth import Start, start_of
from twospeed.web.words import Words
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.renamed import are_of_one_line
from twospeed.worlds.base import Pose

FORMAT = "twospeed-session-1"
_JSON, _STATE = "session.json", "state.safetensors"
_FRAME = "frame."
_STREAM = "stream."

Whole = Annotated[int, Within(0, 10**9)]
"""A count."""


def _is_session(folder: Path) -> bool:
    return read_json(folder / _JSON).get("format") == FORMAT


SESSION = FolderKind(
    name="a saved session",
    files=(_JSON, _STATE, *(f"memory/{file}" for file in MEMORY.files)),
    sign=_is_session,
)
"""What `save_session` writes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Saved:
    """What ``session.json`` says."""

    format: str
    model_hash: str
    start: str
    world: str | None
    seed: Seed
    memory_seed: Seed | None
    num_acts: Whole
    actions: tuple[str, ...]
    seen: tuple[bool, ...]
    true_commands: tuple[str, ...] | None
    pose: tuple[float, float, float] | None
    first_trace: Whole


def save_session(session: Session, path: Path) -> None:
    """Write the folder, aside first.

    Raises:
        DataError: when anything but a saved session stands at `path`, or the disk is full.
    """
    truth, pose = session.truth, session.truth.now.pose if session.truth else None
    saved = _Saved(
        format=FORMAT,
        model_hash=session.model.hash(),
        start=session.start.label,
        world=session.start.world,
        seed=session.seed,
        memory_seed=session.memory.seeds[0] if session.memory else None,
        num_acts=session.num_acts,
        actions=tuple(text for text, _ in session.actions),
        seen=tuple(is_seen for _, is_seen in session.actions),
        true_commands=tuple(truth.commands) if truth else None,
        pose=(pose.x, pose.y, pose.heading) if pose else None,
        first_trace=session.microscope.first,
    )
    with folder_aside(path, SESSION) as aside:
        if session.memory is not None:
            save_memory(memory_of(session.memory), aside / "memory")
        save_file(_tensors_of(session), aside / _STATE)
        write_json(aside / _JSON, to_json(saved))


def open_session(path: Path, model: WorldModel, words: Words) -> Session:
    """Open a saved session on its model.

    Raises:
        DataError: when the folder is none, is damaged, or belongs to another model.
        MissingExtraError: when its true world is not installed.
    """
    recover(path, SESSION)
    saved = typed(_Saved, read_json(path / _JSON), str(path / _JSON))
    if saved.format != FORMAT or not are_of_one_line(saved.model_hash, model.hash()):
        raise DataError(
            f"this session belongs to slow weights {saved.model_hash[:80]}, the model has"
            f" {model.hash()}"
        )
    try:
        with parsing("its state"):
            tensors = load_file(path / _STATE)
        return _opened(path, saved, tensors, model, words)
    except (KeyError, TwospeedError) as error:
        raise DataError(f"the session in {path.name} is damaged: {error}") from error


def _tensors_of(session: Session) -> dict[str, Tensor]:
    frames = {_FRAME + name: frame for name, frame in session.shown.frames.items()}
    frames["first"] = session.start.frame
    named = {name: torch.from_numpy(np.array(frame, order="C")) for name, frame in frames.items()}
    stream = {name: it.contiguous() for name, it in session.stream.state.items()}
    return {"past": session.past.contiguous(), **stream, **named, **session.microscope.tensors()}


def _opened(
    path: Path, saved: _Saved, tensors: dict[str, Tensor], model: WorldModel, words: Words
) -> Session:
    size, frames = model.settings.size, model.settings.chunk_frames
    start, truth = Start(label=saved.start, frame=_frame(tensors, "first", size)), None
    if saved.world is not None:
        start, truth = start_of(saved.start, size)
    memory = None
    if saved.memory_seed is not None:
        file = load_memory(path / "memory")
        memory = open_memories(model, [file], seeds=(saved.memory_seed,))
    session = Session(model, words, start, truth, memory=memory, seed=saved.seed)
    if saved.true_commands is None or truth is None:
        session.truth = None
    else:
        pose = _pose(saved.pose)
        truth.do_again(saved.true_commands, frames, pose)
    _fill_(session, saved, tensors)
    return session


def _fill_(session: Session, saved: _Saved, tensors: dict[str, Tensor]) -> None:
    size, past = session.model.settings.size, tensors["past"]
    first = session.past
    if past.dtype != first.dtype or past.shape[:2] != first.shape[:2]:
        raise DataError("its past frames do not fit the model")
    session.model.check_latents(past, "its past frames")
    if not past.isfinite().all() or past.shape[2] > session.model.past_latents:
        raise DataError("its past frames are not finite, or more than the model looks at")
    if len(saved.actions) != len(saved.seen):
        raise DataError("it does not say of every action whether it was seen")
    session.past = past.to(first)
    kept = {name: it for name, it in tensors.items() if name.startswith(_STREAM)}
    session.stream.open_(kept)
    session.actions = list(zip(saved.actions, saved.seen, strict=True))
    session.num_chunks, session.num_acts = len(saved.actions), saved.num_acts
    names = (*session.panes, TRUTH) if session.truth else session.panes
    frames = {name: _frame(tensors, _FRAME + name, size) for name in names}
    pose = session.truth.now.pose if session.truth else None
    session.shown = Shown(frames=frames, is_seen=not saved.seen or saved.seen[-1], pose=pose)
    session.microscope.load_(_traces_in(tensors, session.model), saved.first_trace)


def _pose(numbers: tuple[float, float, float] | None) -> Pose | None:
    if numbers is None:
        return None
    x, y, heading = numbers
    return Pose(x=x, y=y, heading=heading)


def _frame(tensors: dict[str, Tensor], name: str, size: Size) -> Frame:
    frame = tensors[name]
    if frame.shape != (*size, 3) or frame.dtype != torch.uint8:
        raise DataError(f"its {name} is no frame of {size} pixels")
    return np.asarray(frame.numpy())


def _traces_in(tensors: dict[str, Tensor], model: WorldModel) -> dict[str, Tensor]:
    """Return thumbnails and the marks of as many chunks, if they are some of this model."""
    named = {name: it for name, it in tensors.items() if name in {"thumbs", "keys", "views"}}
    thumbs = named.get("thumbs")
    if thumbs is None:
        return {}
    if thumbs.ndim != 4 or thumbs.shape[3] != 3 or thumbs.dtype != torch.uint8:
        raise DataError("its thumbnails are no frames")
    recaller, cells = model.recaller, tensors["past"][0, :, 0].numel()
    widths = {"keys": recaller.recall.layer.in_features if recaller else 0, "views": cells}
    for name, width in widths.items():
        marks = named.get(name)
        if marks is not None and not _are_marks(marks, (len(thumbs), width)):
            raise DataError(f"its {name} do not fit its thumbnails and the model")
    return named


def _are_marks(marks: Tensor, ends: tuple[int, int]) -> bool:
    is_fit = marks.ndim == 3 and (marks.shape[0], marks.shape[2]) == ends
    return is_fit and marks.is_floating_point() and bool(marks.isfinite().all())
