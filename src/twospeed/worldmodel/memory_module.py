"""`MemoryModule`: a recall layer as a part of its own, beside any denoiser.

Keys come from the clean latents of the past and the action; values are the latents of the chunk
that follows, and how familiar it is; the gate (memory/retrieval_gate.py) lets the clean latents
that the denoiser predicts go over to them. The module learns on the frozen latents of an
autoencoder alone (training/finetune/memory_module.py) and never sees the denoiser.

Axes: B clips, C channels, P past latents, H and W cells, N tokens, D features, K features of a key.
"""

from pathlib import Path

from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from twospeed.core.errors import ConfigError
from twospeed.worldmodel.loading import load_network
from twospeed.worldmodel.recall import Recall

FOLDER = "memory_module"
"""Its folder in a model's."""


class MemoryModule(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Keys, values and the gate's range; a `Recaller`.

    Args:
        latent_channels: C.
        cells: latent cells along a side of a frame; a multiple of 4.
        frames: latents of a chunk.
        text_width: features of a text token.
        width: features of an embedded action.
        recall_keys: K.
        both_ways: whether a chunk is also written time-reversed; only latents of single frames
            can be.
        retrieval_range: familiarity from which on, and at which wholly, what is recalled is taken.

    Raises:
        ConfigError: when `cells` is no multiple of 4.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        latent_channels: int = 16,
        cells: int = 8,
        frames: int = 1,
        text_width: int = 4096,
        width: int = 192,
        recall_keys: int = 256,
        both_ways: bool = False,  # noqa: ARG002
        retrieval_range: tuple[float, float] = (0.85, 0.97),  # noqa: ARG002
    ) -> None:
        super().__init__()
        if cells % 4:
            raise ConfigError(
                "a memory module takes frames whose sides are multiples of 4 latent cells, these"
                f" have {cells}"
            )
        self.text_in = nn.Sequential(nn.LayerNorm(text_width), nn.Linear(text_width, width))
        self.recall = Recall(
            latent_channels=latent_channels,
            cells=cells,
            frames=frames,
            steer_width=width,
            keys=recall_keys,
        )

    def action_of(self, text_BND: Tensor) -> Tensor:
        """Embed actions, (B, D): the mean of their tokens but those that are filling (zeros)."""
        text = text_BND.to(self.device, self.dtype)
        counts_BN1 = text.abs().sum(-1, keepdim=True).gt(0).to(text)
        mean_BD = (text * counts_BN1).sum(1) / counts_BN1.sum(1).clamp_min(1)
        action: Tensor = self.text_in(mean_BD)
        return action

    def keys_of(self, past_BCPHW: Tensor, text_BND: Tensor) -> Tensor:
        """Return the keys of the chunks that follow these clean pasts, (B, K)."""
        return self.recall.keys(past_BCPHW.to(self.dtype), self.action_of(text_BND))


def load_memory_module(folder: Path) -> MemoryModule | None:
    """Load ``memory_module/`` of a model folder; None where there is none.

    Raises:
        DataError: when its file is damaged or lacks weights.
    """
    place = folder / FOLDER
    if not place.is_dir():
        return None
    loaded: MemoryModule = load_network(MemoryModule, "memory module", place)
    return loaded
