"""Labelled pictures in memory: the one form that all readers give and all fits take."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twospeed.core.capacity import check_fits
from twospeed.core.errors import DataError

MOST_CLASSES = 10_000
"""That labels may tell apart."""


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Pictures with their classes."""

    images: Tensor
    """uint8 (n, C, H, W), 0 to 255."""

    labels: Tensor
    """int64 (n,), from 0."""

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.ndim != 4:
            raise DataError(
                "pictures must be uint8 (n, C, H, W), got "
                f"{self.images.dtype} {tuple(self.images.shape)}"
            )
        if min(self.images.shape[1:]) < 1:
            raise DataError(f"pictures must have a pixel, got {tuple(self.images.shape)}")
        if self.labels.shape != self.images.shape[:1]:
            raise DataError(f"{len(self.images)} pictures have {self.labels.numel()} labels")

    def __len__(self) -> int:
        return len(self.images)

    def at(self, indices: Tensor) -> "Examples":
        """Return the examples at `indices`."""
        return Examples(images=self.images[indices], labels=self.labels[indices])


@dataclass(frozen=True, kw_only=True)
class ExampleSet:
    """A data set: what may be learned from, and what is looked at only at the end."""

    name: str
    """For reports."""

    train: Examples
    """For learning and for the choice of a model."""

    test: Examples
    """For the last number."""

    classes: tuple[str, ...]
    """Names, by label."""

    notes: tuple[str, ...] = ()
    """What was left out when it was read, or is not as usual, a line each."""

    def __post_init__(self) -> None:
        for part, examples in (("train", self.train), ("test", self.test)):
            labels = examples.labels
            if len(labels) == 0:
                raise DataError(f"{self.name} has no {part} examples")
            if int(labels.min()) < 0 or int(labels.max()) >= len(self.classes):
                raise DataError(
                    f"{self.name}: labels must be 0 to {len(self.classes) - 1}, got "
                    f"{int(labels.min())} to {int(labels.max())} in its {part} examples"
                )
        if len(self.train.labels.unique()) < 2:
            only = self.classes[int(self.train.labels[0])]
            raise DataError(
                f"{self.name} has one class, {only!r}: a fit tells classes apart, give two or more"
            )
        shapes = [tuple(part.images.shape[1:]) for part in (self.train, self.test)]
        if shapes[0] != shapes[1]:
            raise DataError(
                f"{self.name}: training pictures are {shapes[0]}, but test pictures {shapes[1]}"
            )


def examples_from(images: NDArray[np.generic], labels: NDArray[np.generic]) -> Examples:
    """Build examples from arrays.

    Args:
        images: (n, H, W), (n, H, W, C) or (n, C, H, W) with C of 1 or 3; uint8, or floating
            point in [0, 1] or 0 to 255.
        labels: (n,) or (n, 1) whole numbers.

    Raises:
        DataError: when shapes do not fit, or numbers are not finite or no labels.
        ConfigError: when this machine's memory cannot hold them.
    """
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"labels must be whole numbers, got {labels.dtype}")
    lowest, highest = (int(it) for it in (labels.min(initial=0), labels.max(initial=0)))
    if highest >= MOST_CLASSES:
        raise DataError(f"labels must be 0 to {MOST_CLASSES - 1:,}, got {lowest} to {highest}")
    pictures = channels_first(as_bytes(images)).copy()
    return Examples(
        images=torch.from_numpy(pictures),
        labels=torch.from_numpy(labels.reshape(-1).astype(np.int64)),
    )


def as_bytes(images: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Bring pictures to uint8; floating point up to 1 is stretched to 255."""
    if images.dtype.kind not in "buif":
        raise DataError(f"the pictures must be numbers, got {images.dtype}")
    if images.dtype == np.uint8:
        return images.astype(np.uint8, copy=False)
    check_fits(3 * 8 * images.size, f"{len(images):,} pictures of {images.dtype}")
    values = images.astype(np.float64)
    if not np.isfinite(values).all():
        raise DataError("the pictures hold numbers that are not finite (NaN or infinity)")
    if values.min(initial=0) < 0 or values.max(initial=0) > 255:
        raise DataError(
            f"pictures must be 0 to 255 (or 0 to 1), got {values.min()}..{values.max()}"
        )
    factor = 255 if values.max(initial=0) <= 1 else 1
    return np.round(values * factor).astype(np.uint8)


def channels_first(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring (n, H, W), (n, H, W, C) or (n, C, H, W) to (n, C, H, W)."""
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4 and images.shape[1] in (1, 3):
        return images
    if images.ndim == 4 and images.shape[3] in (1, 3):
        return images.transpose(0, 3, 1, 2)
    raise DataError(f"pictures must be (n, H, W) or have 1 or 3 channels, got {images.shape}")


def split_off(
    examples: Examples, share: float, generator: torch.Generator
) -> tuple[Examples, Examples]:
    """Split at random, the same share of every class: (rest, part of `share`).

    Raises:
        DataError: when a part would be empty.
    """
    taken, kept = [], []
    for label in examples.labels.unique():
        (indices,) = torch.where(examples.labels == label)
        indices = indices[torch.randperm(len(indices), generator=generator)]
        count = round(share * len(indices))
        taken.append(indices[:count])
        kept.append(indices[count:])
    rest, part = (torch.cat(chosen).sort().values for chosen in (kept, taken))
    if len(rest) == 0 or len(part) == 0:
        raise DataError(f"{len(examples)} examples are too few to split off a share of {share}")
    return examples.at(rest), examples.at(part)


def numbered(count: int) -> tuple[str, ...]:
    """Return class names for labels that have none."""
    return tuple(str(number) for number in range(count))


def classes_of(examples: Examples) -> tuple[str, ...]:
    """Return class names up to the largest label.

    Raises:
        DataError: without examples.
    """
    if len(examples) == 0:
        raise DataError("there are no examples to learn from")
    return numbered(int(examples.labels.max()) + 1)


def with_test_split(
    name: str, examples: Examples, classes: Sequence[str], *, share: float = 0.2
) -> ExampleSet:
    """Make a set of examples that come without a test part: `share` of each class, seed 0."""
    train, test = split_off(examples, share, torch.Generator().manual_seed(0))
    return ExampleSet(name=name, train=train, test=test, classes=tuple(classes))
