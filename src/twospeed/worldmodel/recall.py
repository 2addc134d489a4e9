"""A layer that is made for fast weights: from what is seen and done to what comes, in one product.

`Recall` draws one key a chunk from the past frames and the action alone, so that it is the same
while a chunk is learned and while it is generated, at every noise level. One linear layer maps the
key to a guess of the new frames' latents and to a score of familiarity; the denoiser takes both.
The slow weights of that layer know worlds in general; fast weights on it (memory/fast_weights.py,
objective "recall") know one episode.

Axes: B clips, C channels, P past frames that a key looks at, T frames, N frames of a chunk, H and W
cells, K features of a key, O = N * C * H * W + 1.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from twospeed.worldmodel.past import latest, new_frames

LAYER = "recall.layer"
"""Name, in a denoiser, of the layer that fast weights are written to."""

LOOKS_AT = 4
"""How many past frames a key looks at, the latest ones."""


class Recall(nn.Module):
    """Keys of chunks, and the linear layer that they are read with.

    Args:
        latent_channels: C.
        cells: H and W; a multiple of 4.
        frames: N.
        steer_width: features of the embedded action.
        keys: K.
    """

    def __init__(
        self, *, latent_channels: int, cells: int, frames: int, steer_width: int, keys: int
    ) -> None:
        super().__init__()
        self.shape = (frames, latent_channels, cells, cells)
        self.look = nn.Sequential(
            nn.Conv2d(LOOKS_AT * latent_channels, 96, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(96, 128, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(128, 128, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(8 * cells * cells, keys),
        )
        self.action_in = nn.Linear(steer_width, keys)
        self.to_inverse = nn.Linear(steer_width, steer_width)
        self.to_key = nn.Sequential(
            nn.SiLU(), nn.Linear(keys, 2 * keys), nn.SiLU(), nn.Linear(2 * keys, keys)
        )
        self.layer = nn.Linear(keys, frames * latent_channels * cells * cells + 1, bias=False)
        for parameter in (self.layer.weight, *self.to_inverse.parameters()):
            nn.init.zeros_(parameter)

    @property
    def frames(self) -> int:
        """N."""
        return self.shape[0]

    def keys(self, past_BCPHW: Tensor, action_BD: Tensor) -> Tensor:
        """Return each clip's key, of length 1, (B, K).

        Args:
            past_BCPHW: clean latents; the last 4 frames are looked at; where there are fewer, the
                first was there before.
            action_BD: the embedded action.
        """
        missing = max(LOOKS_AT - past_BCPHW.shape[2], 0)
        before = past_BCPHW[:, :, :1].expand(-1, -1, missing, -1, -1)
        seen = torch.cat([before, past_BCPHW], dim=2)[:, :, -LOOKS_AT:]
        hidden_BK = self.look(seen.flatten(1, 2)) + self.action_in(action_BD)
        keys: Tensor = self.to_key(hidden_BK)
        return functional.normalize(keys, dim=-1)

    def inverse_action(self, action_BD: Tensor) -> Tensor:
        """Return the inverse of an embedded action, (B, D): a learned shift."""
        shift_BD: Tensor = self.to_inverse(action_BD)
        return action_BD + shift_BD

    def forward(
        self,
        noisy_BCTHW: Tensor,
        level_BT: Tensor,
        action_BD: Tensor,
        recalled_BO: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return what the layer recalls of a window, see `placed`; it looks at the clean past.

        Args:
            noisy_BCTHW: the window.
            level_BT: noise levels; 0 is clean.
            action_BD: the embedded actions.
            recalled_BO: what the layer gave, where it was read before; None reads it.
        """
        if recalled_BO is None:
            _, first_B = new_frames(level_BT)
            keys_BK = self.keys(latest(noisy_BCTHW, first_B, LOOKS_AT), action_BD)
            recalled_BO = self.layer(keys_BK)
        return self.placed(recalled_BO, level_BT)

    def placed(self, recalled_BO: Tensor, level_BT: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the layer gave, (B, C+1, T, H, W), and where that is something, (B, T).

        Past frames, and new ones beyond a chunk, are zeros; so are all where there is no past to
        recall by.
        """
        frames = level_BT.shape[1]
        is_new_BT, first_B = new_frames(level_BT)
        chunk_BNCHW = recalled_BO[:, :-1].unflatten(1, self.shape)
        score_BN1HW = recalled_BO[:, -1:, None, None, None].expand(-1, *chunk_BNCHW[0, :, :1].shape)
        place_BT = torch.arange(frames, device=first_B.device) - first_B[:, None]
        there_BT = is_new_BT & (first_B > 0)[:, None] & (place_BT < self.frames)
        index = place_BT.clamp(0, self.frames - 1)[..., None, None, None]
        both = torch.cat([chunk_BNCHW, score_BN1HW], dim=2)
        both = both.gather(1, index.expand(-1, -1, *both.shape[2:]))
        return (both * there_BT[..., None, None, None]).transpose(1, 2), there_BT


def recalled_target(new_BCNHW: Tensor) -> Tensor:
    """Return what the layer should give for a true chunk: its latents and the score 1, (B, O)."""
    flat = new_BCNHW.transpose(1, 2).flatten(1)
    return torch.cat([flat, torch.ones_like(flat[:, :1])], dim=1)


def time_reversed(past_BCPHW: Tensor, new_BCNHW: Tensor) -> tuple[Tensor, Tensor]:
    """Return past and new frames of the chunk played backwards: what its inverse action shows."""
    reversed_BCTHW = torch.cat([past_BCPHW[:, :, -1:], new_BCNHW], dim=2).flip(2)
    return new_BCNHW, reversed_BCTHW[:, :, 1:]
