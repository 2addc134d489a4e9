"""What the recall layer gives along whole episodes side by side, read by what it gave before.

Holds: `MemoryRollout`, `noisy_past`, `repeat_last_frame`. Holds not: the closed form of many writes
(dual_ridge.py), the loss (learning.py). Axes: E episodes, M chunks of each, B = E * M, K features
of a key, O what the layer gives.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from twospeed.memory.config import RidgeConfig
from twospeed.memory.ridge_writer import pairs_of
from twospeed.training.recall.dual_ridge import Chunks, Memories, dual_ridge_solution
from twospeed.worldmodel.contract import Recaller
from twospeed.worldmodel.recall import recalled_target, time_reversed


class MemoryRollout:
    """Keys and guesses of chunks, and the memories that they leave.

    Args:
        recaller: whose recall layer it is.
        memory: how that layer is written.
    """

    def __init__(self, recaller: Recaller, memory: RidgeConfig) -> None:
        self.recaller, self.memory = recaller, memory
        self.recall = recaller.recall

    def memory_of(self, chunks: Chunks, place: slice) -> Memories:
        """Write some chunks of each episode to empty memories, as use will (ridge_writer.py)."""
        past, new, text = (
            chunks.apart(it)[:, place].flatten(0, 1)
            for it in (chunks.past_BCPHW, chunks.new_BCNHW, chunks.text_BND)
        )
        action_BD = self.recaller.action_of(text)
        pairs = pairs_of(self.recall, past, new, action_BD, both_ways=self.memory.both_ways)
        keys_EMK, targets_EMO = (
            torch.cat([chunks.apart(it) for it in side], dim=1) for side in zip(*pairs, strict=True)
        )
        errors_EMO = targets_EMO - self.recall.layer(keys_EMK)
        return dual_ridge_solution(keys_EMK, errors_EMO, ridge=self.memory.ridge)

    def guess(self, past_EMCPHW: Tensor, text_EMND: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys (E, M, K) and slow guesses (E, M, O) after such pasts."""
        action_BD = self.recaller.action_of(text_EMND.flatten(0, 1))
        keys = self.recall.keys(past_EMCPHW.flatten(0, 1), action_BD)
        apart = past_EMCPHW.shape[:2]
        return keys.unflatten(0, apart), self.recall.layer(keys).unflatten(0, apart)

    def mixed(self, chunks: Chunks, recalled_EMO: Tensor, share_E: Tensor) -> Chunks:
        """Let past frames of later chunks go over to what is recalled of them.

        Args:
            chunks: of all episodes.
            recalled_EMO: of the chunks that are not written.
            share_E: how far, 0 to 1, for each episode.
        """
        before = recalled_EMO[:, :-1, :-1].unflatten(2, self.recall.shape)
        before = before.transpose(2, 3)  # (E, later - 1, C, N, H, W)
        past = chunks.apart(chunks.past_BCPHW).clone()
        place = slice(chunks.written + 1, None)
        share = share_E.to(past).view(-1, 1, 1, 1, 1, 1)
        seen = min(past.shape[3], before.shape[3])
        latest = past[:, place, :, -seen:]
        past[:, place, :, -seen:] = latest.lerp(before[:, :, :, -seen:], share)
        return replace(chunks, past_BCPHW=past.flatten(0, 1))

    def forward_loss(self, chunks: Chunks, memory: Memories, generator: torch.Generator) -> Tensor:
        """Return the mean squared error of the guesses on a roll-out over what is written.

        It starts at the second chunk. Each past goes over to the guess of the chunk before, by a
        share from 0 to 1 drawn for each episode: small errors should not grow.
        """
        past, new, text = map(chunks.apart, (chunks.past_BCPHW, chunks.new_BCNHW, chunks.text_BND))
        done = [
            (self.recaller.action_of(text[:, place]), new[:, place])
            for place in range(1, chunks.written)
        ]
        return self._rollout_loss(memory, past[:, 1], done, generator)

    def reverse_loss(self, chunks: Chunks, memory: Memories, generator: torch.Generator) -> Tensor:
        """Return the mean squared error of the guesses on the time-reversed roll-out.

        It runs from the last written chunk to the first, by the inverse of each action: the known
        one, or else what `Recall.inverse_action` takes for it. Pasts go over to guesses as in
        `forward_loss`; they see the places from the other side, as no written past does.
        """
        past, new, known = map(
            chunks.apart, (chunks.past_BCPHW, chunks.new_BCNHW, chunks.inverse_BND)
        )
        text, last = chunks.apart(chunks.text_BND), chunks.written - 1
        done = [
            (
                self._inverse_actions(text[:, place], known[:, place]),
                time_reversed(past[:, place], new[:, place])[1],
            )
            for place in range(last, -1, -1)
        ]
        return self._rollout_loss(memory, new[:, last], done, generator)

    def _rollout_loss(
        self,
        memory: Memories,
        past_ECPHW: Tensor,
        chunks: Sequence[tuple[Tensor, Tensor]],
        generator: torch.Generator,
    ) -> Tensor:
        """Return the mean squared error of the guesses of chunks that follow each other.

        Args:
            memory: what is read.
            past_ECPHW: true latents before the first chunk.
            chunks: embedded actions (E, D) and true new latents (E, C, N, H, W).
            generator: draws how far each episode's pasts go over to the guesses.
        """
        share_E = torch.rand(len(past_ECPHW), generator=generator).to(past_ECPHW)
        share_E1111 = share_E.view(-1, 1, 1, 1, 1)
        errors = [past_ECPHW.new_zeros(())]
        true = rolled = past_ECPHW
        for action_ED, new_ECNHW in chunks:
            key_EK = self.recall.keys(rolled, action_ED)
            guess_EO = self.recall.layer(key_EK) + memory.read(key_EK[:, None])[:, 0]
            errors.append((guess_EO - recalled_target(new_ECNHW)).square().mean())
            made = guess_EO[:, :-1].unflatten(1, self.recall.shape).transpose(1, 2)
            true, made = (
                torch.cat(pair, dim=2)[:, :, -past_ECPHW.shape[2] :]
                for pair in ((true, new_ECNHW), (rolled, made))
            )
            rolled = true.lerp(made, share_E1111)
        return torch.stack(errors).sum() / max(len(chunks), 1)

    def _inverse_actions(self, text_END: Tensor, known_END: Tensor) -> Tensor:
        """Return embedded inverse actions, (E, D): known ones, or what the layer learned."""
        learned_ED = self.recall.inverse_action(self.recaller.action_of(text_END))
        is_known_E1 = (known_END != 0).flatten(1).any(1, keepdim=True)
        return torch.where(is_known_E1, self.recaller.action_of(known_END), learned_ED)


def noisy_past(past_EMCPHW: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Add noise to past frames, of a deviation drawn for each chunk up to this one."""
    deviation_EM = deviation * torch.rand(past_EMCPHW.shape[:2], generator=generator)
    drawn = torch.randn(past_EMCPHW.shape, generator=generator).to(past_EMCPHW)
    return past_EMCPHW + deviation_EM.to(drawn)[..., None, None, None, None] * drawn


def repeat_last_frame(chunks: Chunks, share: float, generator: torch.Generator) -> Chunks:
    """Let the past of a share of the chunks be their last past frame alone, as at a start."""
    past = chunks.past_BCPHW
    is_repeated_B = torch.rand(len(past), generator=generator) < share
    repeated = past[:, :, -1:].expand_as(past)
    return replace(
        chunks,
        past_BCPHW=torch.where(is_repeated_B.to(past.device).view(-1, 1, 1, 1, 1), repeated, past),
    )
