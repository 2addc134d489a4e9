"""One folder of classes: its pictures, and an account of what in it was not read."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from twospeed.core.errors import DataError
from twospeed.core.pictures import ENDINGS, Picture, read_picture

_DEBRIS = ".", "__MACOSX"


@dataclass(kw_only=True, slots=True)
class Part:
    """What was read of a folder of classes, and what was not."""

    folder: Path
    pictures: dict[str, dict[str, Picture]] = field(default_factory=dict)
    """Class -> file -> picture; each class has some."""

    lines: list[str] = field(default_factory=list)
    """A line about each kind of thing that was left out or is not as usual."""


def has_classes(folder: Path) -> bool:
    """Say whether folders and no pictures stand right in `folder`."""
    children = [it for it in folder.iterdir() if not _is_debris(it)] if folder.is_dir() else []
    return any(it.is_dir() for it in children) and not any(map(_is_picture, children))


def read_part(folder: Path) -> Part:
    """Read the pictures of every class, those in folders below it too.

    Raises:
        DataError: when there are none, or more than fit into memory.
    """
    kinds: Counter[str] = Counter()
    children = sorted(folder.iterdir())
    classes = {it.name: list(_files(it, kinds)) for it in children if is_class(it)}
    loose = sum(not it.is_dir() and _is_picture(it) for it in children)
    if not any(classes.values()):
        raise DataError(f"{folder} holds no pictures in folders of classes")
    part, broken = Part(folder=folder), list[str]()
    for name, files in classes.items():
        found = _read(files, folder, broken, of=sum(map(len, classes.values())))
        if found:
            part.pictures[name] = found
        else:
            part.lines.append(f"{folder}: no picture can be read in {name!r}, which is left out")
    part.lines += _account(part, kinds, loose, broken)
    return part


def _files(folder: Path, kinds: Counter[str]) -> Iterator[Path]:
    """Yield the pictures below a folder, and count what else lies there by its kind."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            continue
        if any(part.startswith(_DEBRIS) for part in path.relative_to(folder).parts):
            kinds["hidden"] += 1
        elif _is_picture(path):
            yield path
        else:
            kinds[path.suffix.lower() or "without ending"] += 1


def _read(files: list[Path], root: Path, broken: list[str], *, of: int) -> dict[str, Picture]:
    found: dict[str, Picture] = {}
    for file in files:
        try:
            picture = read_picture(file)
        except DataError as error:
            broken.append(str(error))
            continue
        if not found:
            _check_room(of * picture.pixels.nbytes)
        found[file.relative_to(root).as_posix()] = picture
    return found


def _check_room(wanted: int) -> None:
    """Refuse what cannot be held in memory, before it is read."""
    if not hasattr(os, "sysconf"):
        return
    here = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if wanted > here:
        raise DataError(
            f"these pictures need {wanted / 2**30:.1f} GiB, this machine has {here / 2**30:.1f}:"
            " make them smaller"
        )


def _account(part: Part, kinds: Counter[str], loose: int, broken: list[str]) -> Iterator[str]:
    if broken:
        yield f"{_counted(len(broken))} left out, the first: {broken[0]}"
    if kinds:
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        yield f"{part.folder}: left out by their names: {counts}"
    if loose:
        yield f"{part.folder}: {_counted(loose)} left out that lie in no folder of a class"
    pictures = [picture for found in part.pictures.values() for picture in found.values()]
    for note, count in Counter(note for it in pictures for note in it.notes).items():
        yield f"{part.folder}: {_counted(count)}: {note}"


def _counted(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"


def is_class(path: Path) -> bool:
    """Say whether a path is a folder that is not hidden."""
    return path.is_dir() and not _is_debris(path)


def _is_debris(path: Path) -> bool:
    return path.name.startswith(_DEBRIS)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not _is_debris(path)
