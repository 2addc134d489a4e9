"""Data by name or by path: built-in sets, the hub's, and files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from twospeed.core.config import override
from twospeed.core.errors import DataError, lookup, require
from twospeed.core.files import StrPath
from twospeed.core.pictures import show_upright
from twospeed.terminator.datasets.examples import (
    Examples,
    ExampleSet,
    classes_of,
    examples_from,
    numbered,
    with_test_split,
)
from twospeed.terminator.datasets.files import read_data
from twospeed.terminator.datasets.folders import channels_of, stack_pictures
from twospeed.terminator.datasets.pathfinder import PathfinderConfig, make_pathfinder

HUB_PREFIX = "hub:"
PATHFINDER_PREFIX = "pathfinder:"


def digits() -> ExampleSet:
    """scikit-learn's 1,797 handwritten digits of 8 x 8, which need no file."""
    bunch = load_digits()
    return with_test_split("digits", examples_from(bunch.images / 16, bunch.target), numbered(10))


def tiny_noise() -> ExampleSet:
    """Coloured noise in CIFAR's shape, 64 examples: for trying a recipe out."""
    random = np.random.default_rng(0)
    labels = np.arange(80) % 10
    images = random.integers(0, 256, (80, 3, 32, 32)).astype(np.uint8)
    images = (images // 2 + (labels * 12)[:, None, None, None].astype(np.uint8)).astype(np.uint8)
    train, test = (examples_from(images[p], labels[p]) for p in (slice(64), slice(64, None)))
    return ExampleSet(name="noise", train=train, test=test, classes=numbered(10))


BUILT_IN: dict[str, Callable[[], ExampleSet]] = {
    "digits": digits,
    "pathfinder": lambda: make_pathfinder(PathfinderConfig()),
    "noise": tiny_noise,
}


def load_examples(name_or_path: StrPath, *, say: Callable[[str], None] | None = None) -> ExampleSet:
    """Return a built-in set by name, ``hub:NAME`` through the datasets library, or files by path.

    ``pathfinder:steps=6,distractors=0`` changes fields of `PathfinderConfig`.

    Args:
        name_or_path: of the set.
        say: gets a line about each kind of thing that is left out or not as usual.

    Raises:
        ConfigError: for a pathfinder that cannot be.
        DataError: when files are missing or unknown.
        UnknownNameError: when it is neither a path nor a name of ours.
        MissingExtraError: when the hub is asked for and the library is not installed.
    """
    examples = _load(name_or_path) if isinstance(name_or_path, str) else read_data(name_or_path)
    if say is not None:
        for note in examples.notes:
            say(note)
    return examples


def _load(name_or_path: str) -> ExampleSet:
    if name_or_path.startswith(HUB_PREFIX):
        return from_hub(name_or_path.removeprefix(HUB_PREFIX))
    if name_or_path.startswith(PATHFINDER_PREFIX):
        settings = name_or_path.removeprefix(PATHFINDER_PREFIX).split(",")
        return make_pathfinder(override(PathfinderConfig(), *settings))
    if name_or_path in BUILT_IN:
        return BUILT_IN[name_or_path]()
    path = Path(name_or_path)
    if path.exists() or len(path.parts) > 1 or path.suffix:
        return read_data(path)
    return lookup(BUILT_IN, name_or_path, "data set")()


def from_hub(name: str) -> ExampleSet:
    """Load a set of pictures by its name on the hub.

    Raises:
        DataError: when it cannot be had, or has no column of pictures or labels.
    """
    library = require("datasets", extra="datasets")
    try:
        parts = library.load_dataset(name)
    except Exception as error:  # the library raises many kinds, all meaning that it is not there
        raise DataError(f"cannot load {name!r} from the hub: {error}") from error
    train_name, test_name = "train", "test" if "test" in parts else "validation"
    if not {train_name, test_name} <= set(parts):
        raise DataError(f"{name!r} should have train and test parts, but has {sorted(parts)}")
    train, test = (_hub_examples(parts[part], name) for part in (train_name, test_name))
    return ExampleSet(name=name, train=train, test=test, classes=classes_of(train))


def _hub_examples(rows: object, name: str) -> Examples:
    columns = list(getattr(rows, "column_names", []))
    image = next((column for column in ("image", "img") if column in columns), None)
    label = next((column for column in ("label", "fine_label") if column in columns), None)
    if image is None or label is None:
        raise DataError(f"{name!r} should have columns of images and labels, but has {columns}")
    pictures = {
        f"{name} row {row}": show_upright(picture)
        for row, picture in enumerate(rows[image])  # type: ignore[index]
    }
    images = stack_pictures(pictures, channels=channels_of(pictures.values()))
    return examples_from(images, np.array(rows[label]))  # type: ignore[index]
