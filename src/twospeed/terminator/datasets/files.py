"""Data sets on disk in the formats people have them.

MNIST    train-images-idx3-ubyte and three more, plain or .gz
CIFAR    data_batch_1 ... (python or .bin), or train and test of CIFAR-100
STL-10   train_X.bin, train_y.bin, test_X.bin, test_y.bin
folder   train/CLASS/*.png and test/CLASS/*.png, or CLASS/*.png
npz      x_train, y_train, x_test, y_test, or images and labels
"""

import gzip
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError
from twospeed.core.fields import shown
from twospeed.core.files import StrPath, as_path
from twospeed.core.npz import read_arrays
from twospeed.core.untrusted import parsing
from twospeed.terminator.datasets.cifar_pickle import read_pickled
from twospeed.terminator.datasets.examples import (
    Examples,
    ExampleSet,
    classes_of,
    examples_from,
    with_test_split,
)
from twospeed.terminator.datasets.folders import read_folders

MOST_BYTES = 2**32
"""Of what a file unpacks to; the largest of these sets, EMNIST, has 550 million."""


def read_data(path: StrPath) -> ExampleSet:
    """Read a data set, its format found by the names of its files.

    Raises:
        DataError: when there is nothing, or nothing we know.
    """
    path = as_path(path)
    if not path.exists():
        raise DataError(f"{path} does not exist")
    if path.is_file():
        if path.suffix != ".npz":
            raise DataError(f"{path.name}: a single file of data ends in .npz")
        return read_npz(path)
    if not path.is_dir():
        raise DataError(f"{path} is no ordinary file")
    for is_it, read in FORMATS:
        if is_it(path):
            return read(path)
    raise DataError(
        f"{path} holds no data set that we know: MNIST IDX, CIFAR, STL-10, or folders of pictures"
    )


def read_npz(path: Path) -> ExampleSet:
    """Read arrays x_train, y_train, x_test, y_test, or images and labels."""
    arrays = read_arrays(path)
    if {"x_train", "y_train", "x_test", "y_test"} <= arrays.keys():
        train, test = (examples_from(arrays[f"x_{p}"], arrays[f"y_{p}"]) for p in ("train", "test"))
        return whole_set(path.stem, train, test)
    if {"images", "labels"} <= arrays.keys():
        examples = examples_from(arrays["images"], arrays["labels"])
        return with_test_split(path.stem, examples, classes_of(examples))
    raise DataError(
        f"{path.name} should hold x_train, y_train, x_test, y_test, or images and labels; "
        f"it holds {', '.join(name[:40] for name in sorted(arrays)[:6])}"
    )


def whole_set(name: str, train: Examples, test: Examples) -> ExampleSet:
    """Make a set whose classes are numbers, those of the training part."""
    return ExampleSet(name=name, train=train, test=test, classes=classes_of(train))


def find(folder: Path, *names: str) -> Path | None:
    """Return the first of these files that is there, plain or .gz."""
    for name in names:
        for candidate in (folder / name, folder / f"{name}.gz"):
            if candidate.is_file():
                return candidate
    return None


def read_bytes(path: Path | None, folder: Path, name: str) -> bytes:
    """Read a file, unpacking .gz.

    Raises:
        DataError: when it is missing or cannot be read.
    """
    if path is None:
        raise DataError(f"{folder} lacks {name}")
    with parsing(str(path)):
        return _unpacked(path) if path.suffix == ".gz" else path.read_bytes()


def _unpacked(path: Path) -> bytes:
    with gzip.open(path) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise DataError(f"{path} unpacks to more than {MOST_BYTES / 2**30:.0f} GiB")
    return content


def read_idx(folder: Path, name: str) -> NDArray[np.uint8]:
    """Read one IDX file of bytes, such as train-images-idx3-ubyte."""
    content = read_bytes(find(folder, name, name.replace("-idx", ".idx")), folder, name)
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise DataError(f"{name} does not begin like an IDX file of bytes")
    num_axes = content[3]
    if num_axes > 4:
        raise DataError(f"{name} has {num_axes} axes, which neither pictures nor labels have")
    start = 4 + 4 * num_axes
    if len(content) < start:
        raise DataError(f"{name} ends inside its header")
    sizes = struct.unpack(f">{num_axes}I", content[4:start])
    return shaped(content[start:], sizes, name)


def shaped(content: bytes, sizes: tuple[int, ...], name: str) -> NDArray[np.uint8]:
    """View bytes as an array; a missing axis size is given as -1."""
    values = np.frombuffer(content, np.uint8)
    try:
        return values.reshape(sizes)
    except ValueError as error:
        raise DataError(f"{name} holds {values.size} bytes, which do not fit {sizes}") from error


def read_mnist(folder: Path) -> ExampleSet:
    """Read MNIST and its relatives."""
    train, test = (
        examples_from(
            read_idx(folder, f"{part}-images-idx3-ubyte"),
            read_idx(folder, f"{part}-labels-idx1-ubyte"),
        )
        for part in ("train", "t10k")
    )
    return whole_set(folder.name, train, test)


def read_cifar_binary(folder: Path) -> ExampleSet:
    """Read CIFAR-10 (label, 3072 bytes) or CIFAR-100 (two labels, 3072 bytes)."""
    fine = find(folder, "train.bin") is not None
    names = ["train.bin"] if fine else [f"data_batch_{i}.bin" for i in range(1, 6)]
    names = [name for name in names if find(folder, name)]
    test_name = "test.bin" if fine else "test_batch.bin"
    num_labels = 2 if fine else 1
    train, test = (_cifar_rows(folder, part, num_labels) for part in (names, [test_name]))
    return whole_set(folder.name, train, test)


def _cifar_rows(folder: Path, names: list[str], num_labels: int) -> Examples:
    parts = [read_bytes(find(folder, name), folder, name) for name in names]
    rows = shaped(b"".join(parts), (-1, num_labels + 3072), names[0])
    return examples_from(rows[:, num_labels:].reshape(-1, 3, 32, 32), rows[:, num_labels - 1])


def read_cifar_python(folder: Path) -> ExampleSet:
    """Read the pickled form of CIFAR-10 or CIFAR-100."""
    fine = (folder / "train").is_file()
    names = ["train"] if fine else [f"data_batch_{i}" for i in range(1, 6)]
    train = [read_pickled(folder / name) for name in names if (folder / name).is_file()]
    test = read_pickled(folder / ("test" if fine else "test_batch"))
    key = "fine_labels" if fine else "labels"
    return whole_set(folder.name, _pickled_examples(train, key), _pickled_examples([test], key))


def _pickled_examples(parts: list[Mapping[str, object]], key: str) -> Examples:
    for part in parts:
        if not {"data", key} <= part.keys():
            raise DataError(f"a CIFAR batch should hold data and {key}, got {shown(sorted(part))}")
    with parsing("the pictures and labels of a CIFAR batch"):
        images, labels = (
            np.concatenate([_array_of(part[name]) for part in parts]) for name in ("data", key)
        )
        images = images.reshape(-1, 3, 32, 32)
    return examples_from(images, labels)


def _array_of(values: object) -> NDArray[np.generic]:
    """Return an array, or one of a list of whole numbers."""
    if isinstance(values, np.ndarray):
        return values
    if isinstance(values, list) and all(isinstance(value, int) for value in values):
        return np.array(values, np.int64)
    raise DataError(f"they are no array and no list of whole numbers, but {shown(values)[:60]}")


def read_stl10(folder: Path) -> ExampleSet:
    """Read STL-10: pictures of 96 x 96 column by column, labels from 1."""
    train, test = (_stl10_part(folder, part) for part in ("train", "test"))
    return whole_set(folder.name, train, test)


def _stl10_part(folder: Path, part: str) -> Examples:
    names = f"{part}_X.bin", f"{part}_y.bin"
    pictures, labels = (read_bytes(find(folder, name), folder, name) for name in names)
    columns = shaped(pictures, (-1, 3, 96, 96), names[0])
    numbers = shaped(labels, (-1,), names[1]).astype(np.int64) - 1
    return examples_from(columns.transpose(0, 1, 3, 2), numbers)


FORMATS: list[tuple[Callable[[Path], bool], Callable[[Path], ExampleSet]]] = [
    (lambda f: find(f, "train-images-idx3-ubyte", "train-images.idx3-ubyte") is not None,
     read_mnist),
    (lambda f: (f / "train_X.bin").is_file(), read_stl10),
    (lambda f: find(f, "data_batch_1.bin", "train.bin") is not None, read_cifar_binary),
    (lambda f: (f / "data_batch_1").is_file() or (f / "train").is_file(), read_cifar_python),
    (lambda f: any(child.is_dir() for child in f.iterdir()), read_folders),
]  # fmt: skip
