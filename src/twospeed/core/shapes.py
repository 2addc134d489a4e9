"""The letters we give to tensor axes, and the check that tensors agree on them.

A tensor's name ends in its axes, so ``latents_BCTHW[:, :, 0]`` can be read without scrolling.

    B  batch                         N  tokens of one text
    C  channels                      D  features of one token
    T  frames (T for time)           R  rank of an adapter
    H  height, in pixels or cells    I  features into a linear layer
    W  width, in pixels or cells     O  features out of it
    E  episodes, each with its own   K  side of a convolution kernel
       fast weights
"""

from torch import Tensor

from twospeed.core.errors import KindError, ShapeError


def check_shapes(**tensors: tuple[Tensor, str]) -> dict[str, int]:
    """Bind axis letters to sizes and refuse a letter that would get two of them.

    Args:
        **tensors: name in the caller -> (tensor, its axes as letters, such as "BCTHW").

    Returns:
        Letter -> size, for every letter seen.

    Raises:
        KindError: when one is no tensor.
        ShapeError: naming the axis and both tensors.
    """
    sizes: dict[str, int] = {}
    first: dict[str, str] = {}
    for name, (tensor, axes) in tensors.items():
        if not isinstance(tensor, Tensor):
            raise KindError(f"{name} should be a tensor {axes}, got {type(tensor).__name__}")
        if tensor.ndim != len(axes):
            raise ShapeError(f"{name} should be {axes}, but its shape is {tuple(tensor.shape)}")
        for letter, size in zip(axes, tensor.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise ShapeError(
                    f"{name} has {letter}={size}, but {first[letter]} has {letter}={sizes[letter]}"
                )
            first.setdefault(letter, name)
    return sizes
