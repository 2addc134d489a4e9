"""Windows of cached latents, drawn by chance, or cut where one says.

Holds: `LatentWindows`, `windows_of`, `stacked`, `chunks_before`. Holds not: the cache (latents.py).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twospeed.core.errors import ConfigError, DataError
from twospeed.core.random import below
from twospeed.training.data.latents import EpisodeLatents, read_group
from twospeed.training.stages.slow import Windows
from twospeed.worldmodel.settings import ModelSettings
from twospeed.worldmodel.text import TextEncoder


class LatentWindows:
    """Windows of cached latents, drawn by chance.

    Args:
        folder: of `fill_cache`.
        sayings: action text -> the texts that a window of it may carry; one that is not there
            carries its own.
        groups: the groups to draw from; None takes all that are cached.

    Raises:
        DataError: when nothing is cached there, or nothing that is not held out.
    """

    def __init__(
        self,
        folder: Path,
        sayings: Mapping[str, Sequence[str]] | None = None,
        *,
        groups: Sequence[str] | None = None,
    ) -> None:
        names = sorted(path.stem for path in folder.glob("*.json"))
        if groups is not None:
            names = [name for name in names if name in {Path(group).stem for group in groups}]
        self.sayings = sayings or {}
        self._places_from: dict[int, list[list[tuple[int, int]]]] = {}
        self._reaching: dict[tuple[int, bool], list[EpisodeLatents]] = {}
        self.train: list[EpisodeLatents] = []
        self.held_out: list[EpisodeLatents] = []
        for name in names:
            *train, held_out = read_group(folder / f"{name}.npy")
            self.train += train
            self.held_out.append(held_out)
        if not self.train:
            raise DataError(f"{folder} holds no latents to train on: were all shards damaged?")

    def said_in(self) -> dict[str, set[str]]:
        """Return every action text of all episodes -> the worlds that it is said in."""
        found: dict[str, set[str]] = {}
        for episode in (*self.train, *self.held_out):
            for text in episode.actions:
                found.setdefault(text, set()).update([episode.world] if episode.world else [])
        return found

    def recorded_as(self, settings: ModelSettings) -> ModelSettings:
        """Return the settings with the world and the rate that the episodes were recorded with.

        Of several worlds it is the one of the settings, or else that of most episodes.
        """
        episodes = (*self.train, *self.held_out)
        pairs = Counter((it.world, it.frames_per_second) for it in episodes if it.world)
        if not pairs:
            return settings
        world, rate = max(pairs, key=lambda pair: (pair[0] == settings.world, pairs[pair]))
        return replace(
            settings,
            world=world or settings.world,
            frames_per_second=rate or settings.frames_per_second,
        )

    def draw(
        self,
        generator: torch.Generator,
        *,
        batch: int,
        past_lengths: Sequence[int],
        new_frames: int,
        text_encoder: TextEncoder,
        even_share: float = 0.0,
        held_out: bool = False,
    ) -> Windows:
        """Draw a batch of windows of one past length.

        Args:
            generator: decides everything.
            batch: how many windows.
            past_lengths: numbers of past frames, drawn with equal chance.
            new_frames: frames of a chunk.
            text_encoder: encodes one of each action's sayings.
            even_share: share of the windows whose action is drawn first, all texts with equal
                chance, so that rare commands are learned too; not where `held_out`.
            held_out: draw from the episodes that nothing is trained on.

        Raises:
            ConfigError: when no episode has a chunk of this length with so much before it; lengths
            that no episode has are not drawn.
        """
        episodes = self.held_out if held_out else self.train
        past_lengths = _those_that_fit(past_lengths, episodes, new_frames)
        past = past_lengths[below(len(past_lengths), generator)]
        latents: list[NDArray[np.float16]] = []
        texts: list[str] = []
        for _ in range(batch):
            episode, index = self.draw_place(
                generator,
                past_frames=past,
                new_frames=new_frames,
                even_share=even_share,
                held_out=held_out,
            )
            start = 1 + new_frames * index
            latents.append(episode.latents_TCHW[start - past : start + new_frames])
            texts.append(self.said(episode.actions[index], generator))
        latents_BTCHW = torch.from_numpy(np.stack(latents).astype(np.float32))
        return Windows(
            latents_BCTHW=latents_BTCHW.transpose(1, 2).contiguous(),
            text_BND=text_encoder.encode(texts),
            past_frames=past,
        )

    def draw_place(
        self,
        generator: torch.Generator,
        *,
        past_frames: int,
        new_frames: int,
        even_share: float = 0.0,
        held_out: bool = False,
    ) -> tuple[EpisodeLatents, int]:
        """Draw an episode and one of its chunks with so many frames before it; see `draw`.

        Raises:
            ConfigError: when no episode has such a chunk, or chunks have another length.
        """
        first = _first_after(past_frames, new_frames)
        if (first, held_out) not in self._reaching:
            episodes = self.held_out if held_out else self.train
            _those_that_fit((past_frames,), episodes, new_frames)
            self._reaching[first, held_out] = [it for it in episodes if len(it.actions) > first]
        share = 0.0 if held_out else even_share
        if share and torch.rand((), generator=generator) < share:
            return self._of_any_action(first, generator)
        reaching = self._reaching[first, held_out]
        episode = reaching[below(len(reaching), generator)]
        return episode, _chunk_from(episode, first, new_frames, generator)

    def said(self, action: str, generator: torch.Generator) -> str:
        """Draw one of an action's sayings."""
        sayings = self.sayings.get(action, (action,))
        return sayings[below(len(sayings), generator)]

    def _of_any_action(self, first: int, generator: torch.Generator) -> tuple[EpisodeLatents, int]:
        """Draw a text, and then one of its chunks, none before the `first`."""
        texts = self._places(first)
        places = texts[below(len(texts), generator)]
        number, index = places[below(len(places), generator)]
        return self.train[number], index

    def _places(self, first: int) -> list[list[tuple[int, int]]]:
        """Return, for every text, the episodes and chunks where it stands."""
        if first not in self._places_from:
            found: dict[str, list[tuple[int, int]]] = {}
            for number, episode in enumerate(self.train):
                for index, text in enumerate(episode.actions[first:], start=first):
                    found.setdefault(text, []).append((number, index))
            self._places_from[first] = [found[text] for text in sorted(found)]
        return self._places_from[first]

    def draw_episodes(
        self, generator: torch.Generator, count: int, *, held_out: bool = False
    ) -> list[EpisodeLatents]:
        """Draw whole episodes, each with equal chance."""
        episodes = self.held_out if held_out else self.train
        return [episodes[below(len(episodes), generator)] for _ in range(count)]


def _first_after(past: int, new_frames: int) -> int:
    """Return the first chunk with so many frames before it."""
    return -(-(past - 1) // new_frames)


def _those_that_fit(
    past_lengths: Sequence[int], episodes: Sequence[EpisodeLatents], new_frames: int
) -> Sequence[int]:
    """Leave out lengths that are longer than every episode is before its last chunk.

    Raises:
        ConfigError: when none is left, or chunks have another length.
    """
    longest = max(episodes, key=lambda it: len(it.actions))
    most = len(longest.actions)
    fitting = [it for it in past_lengths if _first_after(it, new_frames) < most]
    if longest.chunk_frames != new_frames or not fitting:
        raise ConfigError(
            f"{new_frames} new frames after {min(past_lengths)} past ones cannot be cut from an"
            f" episode of {most} chunks of {longest.chunk_frames} frames"
        )
    return fitting


def stacked(chunks: Sequence[tuple[EpisodeLatents, int]]) -> tuple[Tensor, list[str], int]:
    """Cut the window of each (episode, chunk): the chunk before it as past, or frame 0 alone.

    Returns:
        Latents (B, C, T, H, W), canonical action texts, and how many of the T frames are past.
        A batch with a first chunk in it has a past of one frame.
    """
    past = min(1 if chunk == 0 else episode.chunk_frames for episode, chunk in chunks)
    latents, actions = [], []
    for episode, chunk in chunks:
        start = 1 + episode.chunk_frames * chunk
        latents.append(episode.latents_TCHW[start - past : start + episode.chunk_frames])
        actions.append(episode.actions[chunk])
    latents_BTCHW = torch.from_numpy(np.stack(latents).astype(np.float32))
    return latents_BTCHW.transpose(1, 2).contiguous(), actions, past


def windows_of(chunks: Sequence[tuple[EpisodeLatents, int]], text_encoder: TextEncoder) -> Windows:
    """Return the windows of each (episode, chunk), told their canonical actions; see `stacked`."""
    latents, actions, past = stacked(chunks)
    text = text_encoder.encode(actions)
    return Windows(latents_BCTHW=latents, text_BND=text, past_frames=past)


def chunks_before(
    episodes: Sequence[EpisodeLatents], least: int, generator: torch.Generator
) -> int:
    """Draw how many chunks of all these episodes come first: `least` to all but one.

    Raises:
        ConfigError: when the shortest episode leaves nothing to predict after `least`.
    """
    chunks = min(len(episode.actions) for episode in episodes)
    if least >= chunks:
        raise ConfigError(
            f"episodes of {chunks} chunks leave nothing to predict after the first {least}: record"
            " longer ones"
        )
    return least + below(chunks - least, generator)


def _chunk_from(
    episode: EpisodeLatents, first: int, new_frames: int, generator: torch.Generator
) -> int:
    """Draw a chunk of an episode, none before the `first`."""
    if episode.chunk_frames != new_frames:
        raise ConfigError(
            f"{new_frames} new frames cannot be cut from an episode of chunks of"
            f" {episode.chunk_frames} frames"
        )
    return first + below(len(episode.actions) - first, generator)


def windows_to(windows: Windows, like: Tensor) -> Windows:
    """Return the windows on the device of `like`, in its precision."""
    return Windows(
        latents_BCTHW=windows.latents_BCTHW.to(like),
        text_BND=windows.text_BND.to(like),
        past_frames=windows.past_frames,
    )
