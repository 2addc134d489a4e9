"""What a page is told: a frame of every pane, what a chunk was, how the session stands."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from twospeed.core.pictures import Frame
from twospeed.memory.fast_weights import FastWeights
from twospeed.web.chunk import Done
from twospeed.web.frames import Shown
from twospeed.web.protocol import VERSION, encoded, encoding_of, json_of, pack
from twospeed.web.session import Session
from twospeed.web.truth import PIXELS_PER_METRE
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.registry import WORLDS


def hello_message(
    model: WorldModel, actions: Sequence[str], saves: list[str], key: str, *, resumed: bool
) -> str:
    """Return the first message to a page.

    Args:
        model: the slow weights.
        actions: its actions.
        saves: names of the saved sessions.
        key: of this walk, for uploads, downloads and connecting again.
        resumed: the page goes on with the walk that it asked for.
    """
    settings = model.settings
    facts = {
        "hash": model.hash(),
        "world": settings.world,
        "frame_size": settings.size.height,
        "frame_width": settings.size.width,
        "chunk_frames": settings.chunk_frames,
        "frames_per_second": settings.frames_per_second,
    }
    said = {
        "protocol": VERSION,
        "key": key,
        "resumed": resumed,
        "model": facts,
        "actions": list(actions),
    }
    return json_of("hello", saves=saves, worlds=sorted(WORLDS), **said)


def frame_message(shown: Shown, *, number: int, said: Mapping[str, Any]) -> bytes:
    """Return one frame of every pane.

    Args:
        shown: the frame.
        number: counts the frames of a connection.
        said: the rest of the header: what it belongs to, and milliseconds that were spent.
    """
    started = time.perf_counter()
    encoding = encoding_of(next(iter(shown.frames.values())))
    pictures = {name: encoded(frame, encoding) for name, frame in shown.frames.items()}
    spent = {**said.get("ms", {}), "encode": milliseconds(time.perf_counter() - started)}
    pose = shown.pose
    header = {
        "type": "frame",
        "v": VERSION,
        "frame": number,
        "encoding": encoding,
        "seen": shown.is_seen,
        "psnr": dict(shown.psnr_db),
        "pose": [round(it, 4) for it in (pose.x, pose.y, pose.heading)] if pose else None,
        **said,
        "ms": spent,
        "pictures": [{"pane": name, "bytes": len(it)} for name, it in pictures.items()],
    }
    return pack(header, list(pictures.values()))


def picture_message(kind: str, frame: Frame, **said: Any) -> bytes:
    """Return one picture that is no frame, such as the floor plan or the thumbnails."""
    content = encoded(frame, "png")
    header = {"type": kind, "v": VERSION, "encoding": "png", **said}
    return pack({**header, "pictures": [{"pane": kind, "bytes": len(content)}]}, [content])


def plan_message(session: Session) -> bytes | None:
    """Return the floor plan of the true world; None where there is none."""
    plan = session.truth.plan() if session.truth else None
    if plan is None:
        return None
    return picture_message("plan", plan, pixels_per_metre=PIXELS_PER_METRE, border=0.5)


def thumbs_message(session: Session) -> bytes | None:
    """Return the thumbnails of all written chunks side by side; None where there are none."""
    thumbs, microscope = session.microscope.thumbs(), session.microscope
    if thumbs is None:
        return None
    count = microscope.count - microscope.first
    return picture_message("thumbs", thumbs, first=microscope.first, count=count)


def done_message(done: Done, session: Session, *, write_seconds: float) -> str:
    """Say what a chunk was: what was recalled for it, and what its write did."""
    return json_of(
        "done",
        chunk=session.num_chunks - 1,
        text=done.said.text,
        command=done.said.command,
        seen=done.is_seen,
        recall=asdict(done.recall) if done.recall else None,
        write=asdict(done.record) if done.record else None,
        ms={"infer": milliseconds(done.seconds), "memory": milliseconds(write_seconds)},
        **_standing(session),
    )


def state_message(session: Session, *, saves: list[str], note: str = "") -> str:
    """Say how a session stands, such as after an undo.

    Args:
        session: whose.
        saves: names of the saved sessions.
        note: one line of what was done.
    """
    records = session.memory.records[0] if session.memory else []
    return json_of(
        "state",
        note=note,
        start=session.start.label,
        seed=session.seed,
        panes=list(session.panes),
        actions=[[text, is_seen] for text, is_seen in session.actions[-1000:]],
        writes=[asdict(record) for record in records[-200:]],
        first_trace=session.microscope.first,
        saves=saves,
        **_standing(session),
    )


def memory_facts(memory: FastWeights) -> dict[str, Any]:
    """Return a memory's writes, norm and size in bytes."""
    state = memory.state().values()
    tensors = [up[0] for up in memory.adapters.up.values()]
    return {
        "writes": len(memory.records[0]),
        "norm": round(float(memory.adapters.norm_E()[0]), 3),
        "bytes": sum(it.numel() * it.element_size() for it in (*tensors, *state)),
    }


def milliseconds(seconds: float) -> float:
    """Return seconds in milliseconds, rounded."""
    return round(1000 * seconds, 1)


def _standing(session: Session) -> dict[str, Any]:
    return {
        "chunks": session.num_chunks,
        "undoable": len(session.history),
        "truth": session.truth is not None,
        "memory": memory_facts(session.memory) if session.memory else None,
    }
