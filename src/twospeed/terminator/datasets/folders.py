"""Pictures sorted into folders by class, as a data set."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError
from twospeed.core.pictures import Picture
from twospeed.terminator.datasets.examples import (
    Examples,
    ExampleSet,
    examples_from,
    with_test_split,
)
from twospeed.terminator.datasets.folder_parts import Part, has_classes, is_class, read_part

TEST_PARTS = ("test", "val", "validation", "valid")
"""Names of the folder beside train/ that is looked at only at the end; the first is taken."""


def read_folders(folder: Path) -> ExampleSet:
    """Read CLASS/*.png, also in folders below CLASS, or the same below train/ and test/.

    A fifth of each class is for testing when there is no test part. What is left out is said in
    the notes of the set.

    Raises:
        DataError: when there are no pictures or one class, when sizes differ, or when a class is
            in the test part alone.
    """
    train, tests = folder / "train", [folder / name for name in TEST_PARTS]
    if not has_classes(train):
        return _split(folder.name, read_part(folder))
    test = next((it for it in tests if it.is_dir()), None)
    if test is None:
        return _split(folder.name, read_part(train))
    return _joined(folder, read_part(train), read_part(test))


def stack_pictures(pictures: Mapping[str, Picture], *, channels: int) -> NDArray[np.uint8]:
    """Return the pixels of pictures that have names, (n, H, W, C).

    Raises:
        DataError: when their sizes differ; says which two do.
    """
    sizes: dict[tuple[int, ...], str] = {}
    for name, picture in pictures.items():
        sizes.setdefault(picture.pixels.shape[1::-1], name)
    if len(sizes) > 1:
        said = " and ".join(f"{w}x{h} ({name})" for (w, h), name in list(sizes.items())[:2])
        raise DataError(f"pictures must have one size, got {said}")
    return np.stack([picture.pixels[:, :, :channels] for picture in pictures.values()])


def channels_of(pictures: Iterable[Picture]) -> int:
    """Return 1 when all are grey, else 3."""
    return 1 if all(picture.is_grey for picture in pictures) else 3


def _split(name: str, part: Part) -> ExampleSet:
    classes = tuple(part.pictures)
    examples = _examples(part, classes, channels_of(_all(part)))
    return _noted(with_test_split(name, examples, classes), part.lines)


def _joined(folder: Path, train: Part, test: Part) -> ExampleSet:
    alone = sorted(test.pictures.keys() - train.pictures.keys())
    if alone:
        raise DataError(
            f"{test.folder} has the class {alone[0]!r}, which {train.folder} lacks: nothing can be"
            " learned about it"
        )
    classes = tuple(train.pictures)
    channels = channels_of([*_all(train), *_all(test)])
    learned, judged = (_examples(part, classes, channels) for part in (train, test))
    whole = ExampleSet(name=folder.name, train=learned, test=judged, classes=classes)
    used = {train.folder.name, test.folder.name}
    others = [it.name for it in sorted(folder.iterdir()) if is_class(it) and it.name not in used]
    unused = [f"{folder}: not read, beside {' and '.join(sorted(used))}: {', '.join(others)}"]
    return _noted(whole, [*train.lines, *test.lines, *(unused if others else [])])


def _noted(whole: ExampleSet, lines: list[str]) -> ExampleSet:
    """Add the lines, and one about classes that no test example has."""
    tested = set(whole.test.labels.tolist())
    untested = [name for label, name in enumerate(whole.classes) if label not in tested]
    if untested:
        lines = [*lines, f"{whole.name}: no test picture of {', '.join(untested)}"]
    return replace(whole, notes=tuple(lines))


def _all(part: Part) -> Iterator[Picture]:
    return (picture for found in part.pictures.values() for picture in found.values())


def _examples(part: Part, classes: tuple[str, ...], channels: int) -> Examples:
    found = [(label, part.pictures.get(name, {})) for label, name in enumerate(classes)]
    pictures = {name: picture for _, group in found for name, picture in group.items()}
    labels = [label for label, group in found for _ in group]
    return examples_from(stack_pictures(pictures, channels=channels), np.array(labels))
