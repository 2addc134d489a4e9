"""From examples to batches: order, augmentation, standardization, layout."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.core.errors import ConfigError
from twospeed.core.random import generator_of
from twospeed.terminator.datasets.examples import Examples
from twospeed.terminator.fit.config import FitConfig

PAD = 4
"""Pixels that a random crop may be off."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Turns uint8 pictures into what a network reads."""

    mean_C: Tensor
    """Per channel, of the training pictures, in 0 to 1."""

    std_C: Tensor
    """Per channel."""

    order_N: Tensor | None
    """Order of the pixels in the sequence; None keeps the image."""

    def __call__(self, images_BCHW: Tensor) -> Tensor:
        """Return float32 (B, C, H, W), or (B, C, N) for sequences."""
        values = images_BCHW.float() / 255
        values = (values - self.mean_C[:, None, None]) / self.std_C[:, None, None]
        return values if self.order_N is None else values.flatten(2)[:, :, self.order_N]


def reader_for(config: FitConfig, train: Examples) -> Reader:
    """Measure the training pictures and fix the layout.

    Raises:
        ConfigError: when the pictures are too small for the augmentation.
    """
    if config.augmentation != "none" and min(train.images.shape[2:]) <= PAD:
        size = "x".join(map(str, train.images.shape[2:]))
        raise ConfigError(
            f"augmentation={config.augmentation} needs pictures of {PAD + 1}x{PAD + 1} or more, "
            f"got {size}: take augmentation=none"
        )
    channels = train.images.shape[1]
    num_pixels = train.images[0, 0].numel()
    histogram = torch.stack(
        [torch.bincount(train.images[:, c].flatten(), minlength=256) for c in range(channels)]
    ).double()
    levels = torch.arange(256, dtype=torch.float64) / 255
    share = histogram / histogram.sum(1, keepdim=True)
    mean = share @ levels
    variance = share @ levels.square() - mean.square()
    order = None
    if config.layout == "sequence":
        order = torch.arange(num_pixels)
    if config.layout == "permuted":
        generator = generator_of(config.permutation_seed, "permutation")
        order = torch.randperm(num_pixels, generator=generator)
    return Reader(mean_C=mean.float(), std_C=variance.clamp_min(1e-4).sqrt().float(), order_N=order)


def training_batches(
    config: FitConfig, train: Examples, reader: Reader, *, epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield inputs and labels of one epoch; order and augmentation depend on seed and epoch."""
    generator = generator_of(config.seed, "batches", epoch)
    order = torch.randperm(len(train), generator=generator)
    for indices in order.split(config.batch_size):
        images = augment(train.images[indices], config.augmentation, generator)
        yield reader(images), train.labels[indices]


def evaluation_batches(
    examples: Examples, reader: Reader, *, batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield inputs and labels of all examples in their order, the last batch as short as it is."""
    pairs = zip(examples.images.split(batch_size), examples.labels.split(batch_size), strict=True)
    for images, labels in pairs:
        yield reader(images), labels


def augment(images_BCHW: Tensor, kind: str, generator: torch.Generator) -> Tensor:
    """Crop at random from a mirrored border, and flip, picture by picture."""
    if kind == "none":
        return images_BCHW
    batch, _, height, width = images_BCHW.shape
    padded = functional.pad(images_BCHW.float(), (PAD,) * 4, mode="reflect").to(torch.uint8)
    rows, columns = torch.randint(0, 2 * PAD + 1, (2, batch), generator=generator)
    flips = torch.rand(batch, generator=generator) < 0.5
    crops = []
    for picture, row, column, flip in zip(padded, rows, columns, flips, strict=True):
        crop = picture[:, int(row) : int(row) + height, int(column) : int(column) + width]
        crops.append(crop.flip(2) if kind == "crop-flip" and bool(flip) else crop)
    return torch.stack(crops)
