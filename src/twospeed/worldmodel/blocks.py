"""Building blocks of our networks: conditioning, attention, residual convolutions.

Axes: B clips, T frames, H and W latent cells, D features, S tokens of a clip (T * cells).
"""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional


def sinusoid(values: Tensor, width: int) -> Tensor:
    """Embed numbers (...) as sines and cosines (..., width) of falling frequency."""
    half = width // 2
    rates = torch.exp(-math.log(10_000) * torch.arange(half, device=values.device) / half)
    angles = values[..., None].float() * rates
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def waves(count: int, width: int) -> Tensor:
    """Return sines and cosines of positions, (count, width), so that shifts are rotations."""
    rates = 1.5 / 15 ** (torch.arange(width // 2) / (width // 2))
    angles = torch.arange(count)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def waves_2d(count: int, width: int) -> Tensor:
    """Return those of places in a square, (count, count, width): rows, then columns."""
    rows = waves(count, width // 2)[:, None].expand(-1, count, -1)
    columns = waves(count, width // 2)[None].expand(count, -1, -1)
    return torch.cat([rows, columns], dim=2)


def two_layers(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Return two linear layers with a SiLU between them."""
    return nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, outputs))


def begin_at_zero_(*layers: nn.Module) -> None:
    """Let layers start without effect, in place."""
    for layer in layers:
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)


def modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Scale by ``1 + scale`` and shift."""
    return torch.addcmul(shift, x, 1 + scale)


def gelu(x: Tensor) -> Tensor:
    """Return the Gaussian error linear unit in its tanh form.

    Without gradients, on a CPU, it is found by a sigmoid: the same but for rounding, twice as fast.
    """
    if x.requires_grad or x.device.type != "cpu":
        return functional.gelu(x, approximate="tanh")
    twice = 2 * math.sqrt(2 / math.pi)
    return torch.addcmul(twice * x, x * x, x, value=0.044715 * twice).sigmoid_().mul_(x)


class SpaceTimeBlock(nn.Module):
    """Attention over all tokens of a clip, then a feed-forward layer, steered frame by frame."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(width, 3 * width)
        self.to_out = nn.Linear(width, width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)
        self.norm_q = nn.RMSNorm(width // heads)
        self.norm_k = nn.RMSNorm(width // heads)
        self.offsets_6D = nn.Parameter(torch.zeros(6, width))

    def forward(self, x_BTSD: Tensor, steer_BT6D: Tensor, made: int) -> Tensor:
        """Map tokens (B, T, cells, D) to (B, made, cells, D), the last frames.

        Args:
            x_BTSD: tokens, frame by frame.
            steer_BT6D: shift, scale and gate of both halves, for every frame.
            made: the last so many frames; those before are looked at, and nothing is made of them.
        """
        steer = (steer_BT6D + self.offsets_6D)[:, :, None].unbind(dim=3)
        shift_a, scale_a, *others = steer
        gate_a, shift_f, scale_f, gate_f = (it[:, -made:] for it in others)
        width = x_BTSD.shape[-1:]
        x = modulated(functional.layer_norm(x_BTSD, width), shift_a, scale_a)
        x_BTSD = torch.addcmul(x_BTSD[:, -made:], gate_a, self._attend(x, made))
        x = modulated(functional.layer_norm(x_BTSD, width), shift_f, scale_f)
        return torch.addcmul(x_BTSD, gate_f, self.down(gelu(self.up(x))))

    def _attend(self, x_BTSD: Tensor, made: int) -> Tensor:
        qkv = self.to_qkv(x_BTSD).flatten(1, 2).unflatten(-1, (3, self.heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        query = query[:, :, -made * x_BTSD.shape[2] :]
        query, key = _rms_normed(self.norm_q, query), _rms_normed(self.norm_k, key)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.to_out(mixed.transpose(1, 2).flatten(2))
        return out.view_as(x_BTSD[:, -made:])


def _rms_normed(norm: nn.RMSNorm, x: Tensor) -> Tensor:
    """Call a norm in the dtype of its input: under autocast its weights are wider."""
    return functional.rms_norm(x, x.shape[-1:], norm.weight.to(x.dtype), norm.eps)


class FrameResBlock(nn.Module):
    """Two 3x3 convolutions inside each frame, steered by the frame's conditioning."""

    def __init__(self, channels: int, steer_width: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(16, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(16, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.steer = nn.Linear(steer_width, 2 * channels)
        begin_at_zero_(self.conv2, self.steer)

    def forward(self, x_FCHW: Tensor, steer_FD: Tensor) -> Tensor:
        """Map (frames, C, H, W) to the same shape."""
        shift, scale = self.steer(steer_FD)[..., None, None].chunk(2, dim=1)
        h = self.conv1(functional.silu(self.norm1(x_FCHW)))
        h = modulated(self.norm2(h), shift, scale)
        out: Tensor = x_FCHW + self.conv2(functional.silu(h))
        return out


class FrameResBlocks(nn.ModuleList):
    """So many `FrameResBlock`s, one after the other."""

    def __init__(self, count: int, channels: int, steer_width: int) -> None:
        super().__init__(FrameResBlock(channels, steer_width) for _ in range(count))

    def forward(self, x_FCHW: Tensor, steer_FD: Tensor) -> Tensor:
        """Map (frames, C, H, W) to the same shape."""
        for block in self:
            x_FCHW = block(x_FCHW, steer_FD)
        return x_FCHW


class CellAttention(nn.Module):
    """Every cell of a frame attends to all cells of another: what was seen there may be anywhere.

    It begins without effect.
    """

    def __init__(self, channels: int, seen_channels: int, most_cells: int) -> None:
        super().__init__()
        self.heads = channels // 16
        self.places = nn.Parameter(waves_2d(most_cells, channels))
        self.enter = nn.Conv2d(seen_channels, channels, 3, padding=1)
        self.norm = nn.GroupNorm(16, channels)
        self.to_q = nn.Linear(channels, channels)
        self.to_kv = nn.Linear(channels, 2 * channels)
        self.to_out = nn.Linear(channels, channels)
        begin_at_zero_(self.to_out)

    def forward(self, cells_BMCHW: Tensor, seen_BCHW: Tensor) -> Tensor:
        """Return what is added to the cells of M frames, of the same shape.

        Args:
            cells_BMCHW: features of frames.
            seen_BCHW: latents of the frame that is looked at.
        """
        made, (height, width) = cells_BMCHW.shape[1], cells_BMCHW.shape[3:]
        places = self.places[:height, :width].permute(2, 0, 1)
        asking = self.norm(cells_BMCHW.flatten(0, 1)) + places
        query = self._heads(self.to_q(_tokens(asking.unflatten(0, (-1, made)).transpose(1, 2))))
        both = self.to_kv(_tokens((self.enter(seen_BCHW) + places)[:, :, None]))
        key, value = (self._heads(it) for it in both.chunk(2, dim=-1))
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out = self.to_out(mixed.transpose(1, 2).flatten(2)).unflatten(1, (made, height, width))
        return cast(Tensor, out.permute(0, 1, 4, 2, 3))

    def _heads(self, tokens_BSC: Tensor) -> Tensor:
        return cast(Tensor, tokens_BSC.unflatten(-1, (self.heads, -1)).transpose(1, 2))


def _tokens(x_BCTHW: Tensor) -> Tensor:
    return x_BCTHW.flatten(2).transpose(1, 2)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions of SiLUs added to their input, (N, D, H, W) -> (N, D, H, W)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x_NDHW: Tensor) -> Tensor:
        """Add what the convolutions make of the input."""
        inner = self.first(functional.silu(x_NDHW))
        out: Tensor = x_NDHW + self.second(functional.silu(inner))
        return out
