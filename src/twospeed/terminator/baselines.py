"""Other networks of comparable size, trained by the same recipe: what the numbers stand beside.

Images: ResNet, ViT and ConvNeXt of transformers, made small. Sequences: a GRU and a plain network
of static long convolutions. Each is built for a number of parameters and comes as near as its
widths allow.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from twospeed.core.errors import ConfigError, lookup, require
from twospeed.terminator.layers.channel_linear import ChannelLinear


@dataclass(frozen=True, kw_only=True)
class PeerShape:
    """What a peer reads and gives."""

    channels: int
    """Of the input."""

    sizes: tuple[int, ...]
    """(H, W) or (N,)."""

    num_classes: int
    """Scores."""


class ImagePeer(nn.Module):
    """A classifier of transformers as a plain map from (B, C, H, W) to scores."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Return scores, (B, classes)."""
        scores: Tensor = self.model(pixel_values=x_BCHW).logits
        return scores


def resnet(shape: PeerShape, width: int) -> nn.Module:
    """Return a ResNet of three stages of basic layers."""
    library = require("transformers", extra="all")
    config = library.ResNetConfig(
        num_channels=shape.channels,
        embedding_size=width,
        hidden_sizes=[width, 2 * width, 4 * width],
        depths=[2, 2, 2],
        layer_type="basic",
        num_labels=shape.num_classes,
    )
    model = library.ResNetForImageClassification(config)
    stem = model.resnet.embedder
    stem.pooler = nn.Identity()
    stem.embedder.convolution.stride = (1, 1)  # the pictures are small: no halving in the stem
    return ImagePeer(model)


def vit(shape: PeerShape, width: int) -> nn.Module:
    """Return a ViT of four layers, patches of an eighth of the shorter side."""
    library = require("transformers", extra="all")
    width = 4 * max(1, width // 4)
    config = library.ViTConfig(
        num_channels=shape.channels,
        image_size=list(shape.sizes),
        patch_size=max(1, min(shape.sizes) // 8),
        hidden_size=width,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=2 * width,
        num_labels=shape.num_classes,
    )
    return ImagePeer(library.ViTForImageClassification(config))


def convnext(shape: PeerShape, width: int) -> nn.Module:
    """Return a ConvNeXt of two stages.

    Raises:
        ConfigError: for pictures that cannot be halved.
    """
    library = require("transformers", extra="all")
    patch = 2 if shape.sizes[0] > 8 else 1
    if min(shape.sizes) < 2 * patch:
        size = "x".join(map(str, shape.sizes))
        raise ConfigError(f"convnext needs pictures of {2 * patch}x{2 * patch} or more, got {size}")
    config = library.ConvNextConfig(
        num_channels=shape.channels,
        patch_size=patch,
        hidden_sizes=[width, 2 * width],
        depths=[2, 2],
        num_stages=2,
        num_labels=shape.num_classes,
    )
    return ImagePeer(library.ConvNextForImageClassification(config))


class LongConvolution(nn.Module):
    """Depthwise convolution with a static kernel as long as the input, by zero-padded FFT."""

    def __init__(self, channels: int, sizes: Sequence[int]) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(channels, *sizes) / math.prod(sizes) ** 0.5)

    def forward(self, x_BCS: Tensor) -> Tensor:
        """Convolve."""
        sizes = x_BCS.shape[2:]
        padded = [2 * size for size in sizes]
        axes = tuple(range(-len(sizes), 0))
        product = torch.fft.rfftn(x_BCS, padded, axes) * torch.fft.rfftn(self.kernel, padded, axes)
        full = torch.fft.irfftn(product, padded, axes)
        out: Tensor = full[(..., *(slice(0, size) for size in sizes))]
        return out


class LongConvolutionNetwork(nn.Module):
    """Four residual layers: static long convolution, gate, channel mixing, (B, C, N) -> scores."""

    def __init__(self, shape: PeerShape, width: int) -> None:
        super().__init__()
        self.inner = ChannelLinear(shape.channels, width)
        self.mixers = nn.ModuleList(LongConvolution(width, shape.sizes) for _ in range(4))
        self.gates = nn.ModuleList(ChannelLinear(width, 2 * width) for _ in range(4))
        self.norms = nn.ModuleList(nn.GroupNorm(1, width) for _ in range(4))
        self.head = nn.Linear(width, shape.num_classes)

    def forward(self, x_BCS: Tensor) -> Tensor:
        """Return scores, (B, classes)."""
        hidden = self.inner(x_BCS)
        for mixer, gate, norm in zip(self.mixers, self.gates, self.norms, strict=True):
            mixed = functional.gelu(mixer(norm(hidden)))
            hidden = hidden + functional.glu(gate(mixed), 1)
        scores: Tensor = self.head(hidden.flatten(2).mean(2))
        return scores


class RecurrentNetwork(nn.Module):
    """A GRU over the positions, its last state classified, (B, C, N) -> scores."""

    def __init__(self, shape: PeerShape, width: int) -> None:
        super().__init__()
        self.cell = nn.GRU(shape.channels, width, batch_first=True)
        self.head = nn.Linear(width, shape.num_classes)

    def forward(self, x_BCN: Tensor) -> Tensor:
        """Return scores, (B, classes)."""
        states_BND, _ = self.cell(x_BCN.flatten(2).mT)
        scores: Tensor = self.head(states_BND[:, -1])
        return scores


Build = Callable[[PeerShape, int], nn.Module]

IMAGE_PEERS: dict[str, Build] = {"resnet": resnet, "vit": vit, "convnext": convnext}
SEQUENCE_PEERS: dict[str, Build] = {"longconv": LongConvolutionNetwork, "gru": RecurrentNetwork}


def num_parameters(module: nn.Module) -> int:
    """Return the number of trained numbers."""
    return sum(part.numel() for part in module.parameters() if part.requires_grad)


def peers_for(sizes: Sequence[int]) -> dict[str, Build]:
    """Return the peers that can read positions of these sizes."""
    if len(sizes) == 2:
        return {**IMAGE_PEERS, "longconv": LongConvolutionNetwork}
    return SEQUENCE_PEERS


def build_peer(name: str, shape: PeerShape, *, parameters: int, seed: int) -> nn.Module:
    """Build a peer with about `parameters` numbers.

    Args:
        name: of `peers_for(shape.sizes)`.
        shape: what it reads and gives.
        parameters: how many numbers it should have.
        seed: of its start.

    Raises:
        UnknownNameError: for a peer that cannot read these sizes.
        ConfigError: when it cannot be that small.
    """
    build = lookup(peers_for(shape.sizes), name, f"peer for {len(shape.sizes)} axes")
    step = 4 if name == "vit" else 1
    with torch.random.fork_rng(devices=[]):
        widths = range(step, 513, step)
        counts = _Counts(build, shape)
        low, high = 0, len(widths) - 1
        while low < high:
            middle = (low + high) // 2
            if counts.of(widths[middle]) < parameters:
                low = middle + 1
            else:
                high = middle
        near = [widths[i] for i in (low - 1, low) if i >= 0]
        width = min(near, key=lambda value: abs(counts.of(value) - parameters))
        if counts.of(width) > 2 * parameters:
            raise ConfigError(f"{name} cannot be as small as {parameters} parameters")
        torch.manual_seed(seed)
        return build(shape, width)


class _Counts:
    """Counts parameters without memory for them, each width once."""

    def __init__(self, build: Build, shape: PeerShape) -> None:
        self._build, self._shape = build, shape
        self._known: dict[int, int] = {}

    def of(self, width: int) -> int:
        """Return the number of parameters at a width."""
        if width not in self._known:
            with torch.device("meta"):
                self._known[width] = num_parameters(self._build(self._shape, width))
        return self._known[width]
