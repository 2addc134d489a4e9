"""Folders of runs: one run, one process at a time, begun with the same as it goes on with.

A note in the folder (JSON) says what is made there. What another run left is never gone on with;
where it left nothing that is worth keeping, such as a checkpoint, the folder is begun anew.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twospeed.core.errors import DataError, TwospeedError, a_few
from twospeed.core.files import is_left_behind, write_json, writing
from twospeed.core.folders import FolderKind, note_in
from twospeed.core.runs.locks import held

Json = dict[str, Any]


@contextmanager
def claimed(
    out: Path,
    note: str,
    wanted: Json,
    *,
    kind: str,
    work: Sequence[str],
    scraps: Sequence[str] = (),
    known: Json | None = None,
) -> Iterator[None]:
    """Hold a folder for one run; after a mistake of the user's nothing is left in a new one.

    Args:
        out: the folder.
        note: file in it that says what is made there.
        wanted: what it says: all that the result depends on. What an earlier version did not note
            counts as the same.
        kind: of what is made, such as "run".
        work: patterns of files, one of which is there as soon as something is worth keeping.
        scraps: patterns of the files that may be there before, beside the note.
        known: the note that is there as this version would write it; None takes it as it is.

    Raises:
        DataError: when the folder holds another run, other files, or another process works there.
    """
    with held(out):
        found = note_in(out, note)
        found = found if found is None else {**wanted, **(known or found)}
        if found is not None and found != wanted:
            if has_work(out, work):
                raise DataError(_complaint(out, found, wanted, kind))
            clear(out, (note, *scraps))
        write_json(out / note, wanted)
        with cleared_after_mistakes(out, work, (note, *scraps)):
            yield


@contextmanager
def cleared_after_mistakes(
    out: Path,
    work: Sequence[str],
    files: Sequence[str],
    *,
    mistakes: tuple[type[TwospeedError], ...] = (TwospeedError,),
) -> Iterator[None]:
    """Leave nothing of ours in a folder when a mistake of the user's comes before any work.

    Args:
        out: the folder.
        work: patterns of files, one of which is there as soon as something is worth keeping.
        files: patterns of all files of ours that may be there without work.
        mistakes: after which nothing is left.
    """
    try:
        yield
    except mistakes:
        if not has_work(out, work) and not strangers_in(out, files):
            clear(out, files)
        raise


def fingerprint(values: Any) -> str:
    """Return a short hash of JSON values."""
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _complaint(out: Path, found: Json, wanted: Json, kind: str) -> str:
    paths = sorted(_differences(found, wanted, ""))
    verb = "" if len(paths) == 1 and " " in paths[0] else " differ"
    different = a_few(paths, most=3) + verb
    return (
        f"{out} holds another {kind} ({different}): give the same as before to go on, or"
        " another --out"
    )


def _differences(found: Any, wanted: Any, path: str) -> list[str]:
    """Return the paths that differ; what has another name differs as a whole."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        if path and found.get("name") != wanted.get("name"):
            return [f"another {path}"]
        names = found.keys() | wanted.keys()
        parts = (
            _differences(found.get(name), wanted.get(name), f"{path}.{name}".strip("."))
            for name in names
        )
        return [leaf for part in parts for leaf in part]
    return [] if found == wanted else [path]


def has_work(out: Path, work: Sequence[str]) -> bool:
    """Say whether files of any of these patterns are in a folder."""
    return any(True for pattern in work for _ in out.glob(pattern))


def strangers_in(out: Path, files: Sequence[str]) -> list[str]:
    """Return what in a folder is of none of these patterns, nor left half-written by a kill."""
    kind = FolderKind(name="a run", files=tuple(files), sign=lambda _: True)
    return [it for it in kind.strangers(out) if not is_left_behind(Path(it))]


def clear(out: Path, files: Sequence[str]) -> None:
    """Remove all that is in a folder of ours, if nothing else is there.

    Args:
        out: the folder.
        files: patterns of all files that may be there.

    Raises:
        DataError: when another file is there, and nothing is touched, or one cannot be removed.
    """
    if strangers := strangers_in(out, files):
        raise DataError(
            f"{out} holds {strangers[0]}, which is no part of what is made there; nothing was"
            " touched: name another folder"
        )
    with writing(out, "clear"):
        for path in out.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
