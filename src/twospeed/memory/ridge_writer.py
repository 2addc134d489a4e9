"""Writes to a recall layer: after each, the layer explains all chunks seen so far best.

The layer's guess of a chunk is linear in its weights, so the least squares over an episode's
chunks have a closed form. With keys k_n and the errors e_n of the slow weights' guesses, `up` is

    argmin_U  sum_n w_n |e_n - U k_n|² + ridge |U|²

and recursive least squares keep it so at every write, from the last one's solution and the matrix
P = (sum_n w_n k_n k_nᵀ + ridge I)⁻¹ alone:

    gain = w P k / (1 + w kᵀ P k);  up += error gainᵀ;  P -= P k gainᵀ

with w = 1 for what was seen. Of what was generated, only what was not recalled is news: w is 1 less
its familiarity (`generated_weight`), since a memory that believes its own echo drifts.

It is where gradient steps on all chunks at once would end, at the price of a few products. A chunk
counts twice, as it was and time-reversed under the inverse action (`both_ways`). When P is not
kept from chunk to chunk (`keep_optimizer`), each write is the least change of the weights
that explains its own chunk: the delta rule of Widrow and Hoff.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from twospeed.core.errors import ConfigError, ShapeError
from twospeed.memory.adapters import Adapters
from twospeed.memory.config import RidgeConfig
from twospeed.memory.retrieval_gate import familiarity
from twospeed.memory.writer import Written
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.recall import LAYER, Recall, recalled_target, time_reversed

NO_RECALL_LAYER = (
    "a RidgeConfig needs a recall layer: a denoiser with model.recall_keys above 0, or one that"
    " `twospeed train --init MODEL --memory-module` puts beside it"
)


def pairs_of(
    recall: Recall, past_BCPHW: Tensor, new_BCNHW: Tensor, action_BD: Tensor, *, both_ways: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield keys (B, K) and what they should give (B, O): of chunks, then of them time-reversed.

    Args:
        recall: whose keys they are.
        past_BCPHW: clean latents before each chunk.
        new_BCNHW: clean latents of each chunk.
        action_BD: the embedded actions.
        both_ways: False leaves the second pair out.
    """
    yield recall.keys(past_BCPHW, action_BD), recalled_target(new_BCNHW)
    if both_ways:
        past_BCPHW, new_BCNHW = time_reversed(past_BCPHW, new_BCNHW)
        yield recall.keys(past_BCPHW, recall.inverse_action(action_BD)), recalled_target(new_BCNHW)


def _fresh(config: RidgeConfig, like: Tensor) -> Tensor:
    """Return P of an empty memory, (K, K), on the device and in the precision of `like`."""
    return torch.eye(config.rank).to(like) / config.ridge


def loosened(inverse_KK: Tensor, config: RidgeConfig, share: float) -> Tensor:
    """Return P gone so far, 0 to 1, towards that of an empty memory."""
    return inverse_KK.lerp(_fresh(config, inverse_KK), share)


class RidgeWriter:
    """One step of recursive least squares a chunk, for E episodes; nothing is drawn by chance.

    Args:
        model: the slow weights, with a recall layer.
        config: how to write.
        adapters: what is written; of the recall layer alone.
        seeds: one an episode; only their number matters.

    Raises:
        ConfigError: when layers beside the recall layer are adapted.
    """

    def __init__(
        self,
        model: WorldModel,
        config: RidgeConfig,
        adapters: Adapters,
        *,
        seeds: Sequence[int],
    ) -> None:
        if list(adapters.up) != [LAYER]:
            raise ConfigError(
                f"the objective recall writes to {LAYER!r} alone, the targets name"
                f" {', '.join(adapters.up)}"
            )
        if model.recaller is None:
            raise ConfigError(NO_RECALL_LAYER)
        self.recaller, self.config, self.adapters = model.recaller, config, adapters
        self._fresh_EKK = _fresh(config, adapters.up[LAYER]).expand(len(seeds), -1, -1)
        self.inverse_EKK = self._fresh_EKK.clone()

    @torch.no_grad()
    def write_(
        self,
        window_ECTHW: Tensor,
        text_END: Tensor,
        *,
        past_frames: int,
        writes: Sequence[int],  # noqa: ARG002
        generated: bool = False,
    ) -> Written:
        """Learn one chunk of every episode; see `Writer`.

        Familiar to a share m, a generated chunk counts 1 - (1 - `generated_weight`) m times.

        Raises:
            ShapeError: when the new frames are not as many as the layer gives.
        """
        past, new = window_ECTHW.tensor_split([past_frames], dim=2)
        recall = self.recaller.recall
        if new.shape[2] != recall.frames:
            raise ShapeError(
                f"this model recalls chunks of {recall.frames} frames, got {new.shape[2]} new ones"
            )
        action_ED = self.recaller.action_of(text_END)
        pairs = list(pairs_of(recall, past, new, action_ED, both_ways=self.config.both_ways))
        before_E = self._error(*pairs[0]).square().mean(1)
        open_E = (before_E >= self.config.gate) & (self.config.updates_per_chunk > 0)
        doubted = 1 - self.config.generated_weight if generated else 0.0
        for key_EK, target_EO in pairs:
            error_EO = self._error(key_EK, target_EO)
            familiar_E = familiarity(1 - error_EO[:, -1], key_EK @ recall.layer.weight[-1])
            weight_E = open_E * (1 - doubted * familiar_E)
            self._step_(key_EK, error_EO, weight_E)
        self.inverse_EKK.lerp_(self._fresh_EKK, self.config.anchor)
        after_E = self._error(*pairs[0]).square().mean(1)
        return Written(before_E=before_E, after_E=after_E, open_E=open_E)

    def _error(self, key_EK: Tensor, target_EO: Tensor) -> Tensor:
        error_EO: Tensor = target_EO - self.recaller.recall.layer(key_EK)
        return error_EO

    def state(self, episode: int) -> dict[str, Tensor]:
        """Return the matrix P of one episode."""
        return {"inverse": self.inverse_EKK[episode].clone()}

    def load_state_(self, named: dict[str, Tensor], episode: int) -> None:
        """Take over what `state` gave."""
        self.inverse_EKK[episode] = named["inverse"]

    def reset_(self) -> None:
        """Begin anew with the same weights: all of them may be changed freely."""
        self.inverse_EKK.copy_(self._fresh_EKK)

    def _step_(self, key_EK: Tensor, error_EO: Tensor, weight_E: Tensor) -> None:
        up_EOK = self.adapters.up[LAYER]
        key_EK1, error_EO1 = key_EK.to(up_EOK)[..., None], error_EO.to(up_EOK)[..., None]
        weight_E11 = weight_E.to(up_EOK)[:, None, None]
        if not self.config.keep_optimizer:
            self.reset_()
        moved_EK1 = self.inverse_EKK @ key_EK1
        gain_E1K = (weight_E11 * moved_EK1 / (1 + weight_E11 * key_EK1.mT @ moved_EK1)).mT
        up_EOK.baddbmm_(error_EO1, gain_E1K, alpha=self.config.learning_rate)
        self.inverse_EKK.baddbmm_(moved_EK1, gain_E1K, alpha=-1)
