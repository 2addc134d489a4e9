"""The latent cache: every episode is encoded once; windows are drawn from memory maps.

For each group of a source, ``<group>.npy`` holds float16 latents (frames, C, h, w) of its episodes
in a row and ``<group>.json`` their lengths and actions; the JSON file comes last, so a group is
whole or not there. The folder's name is the encoder's hash: another encoder, another cache.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from twospeed.core.errors import ConfigError, DataError
from twospeed.core.files import read_json, sweep, write_json, written_aside
from twospeed.core.progress import progress
from twospeed.data.workers import run_in_processes
from twospeed.training.slow import Windows
from twospeed.training.sources import EpisodeSource, read_whole
from twospeed.worldmodel.autoencoder import FrameAutoencoder
from twospeed.worldmodel.codec import encode_frames
from twospeed.worldmodel.text import TextEncoder

FORMAT = "twospeed-latents-1"
GROUPS_WORTH_A_PROCESS = 4
"""A process takes seconds to start; with fewer groups each, this one does the work."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """What a process needs to encode groups."""

    source: EpisodeSource
    autoencoder: torch.nn.Module
    folder: Path


def encoder_hash(autoencoder: torch.nn.Module) -> str:
    """Return a hash of what decides latents: of our autoencoder the encoder alone."""
    state = autoencoder.state_dict()
    if isinstance(autoencoder, FrameAutoencoder):
        state = {name: state[name] for name in ("mean", "analysis")}
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def fill_cache(
    source: EpisodeSource, autoencoder: torch.nn.Module, folder: Path, *, workers: int = 1
) -> Path:
    """Encode what is not encoded yet; killed at any moment, the next call goes on.

    Args:
        source: episodes in groups; a damaged group is named in a warning and left out.
        autoencoder: see codec.py.
        folder: of all caches.
        workers: processes that read and encode at once, if there is work for them; above 1, the
            autoencoder is on the CPU.

    Returns:
        The folder of this cache.

    Raises:
        DataError: when the disk is full.
    """
    place = folder / encoder_hash(autoencoder)
    place.mkdir(parents=True, exist_ok=True)
    sweep(place)
    groups = source.groups()
    todo = [name for name, mark in groups.items() if not _is_cached(place, name, mark)]
    job = _Job(source=source, autoencoder=autoencoder, folder=place)
    workers = min(workers, len(todo) // GROUPS_WORTH_A_PROCESS)
    if workers > 1:
        done = run_in_processes(_encode_groups, job, todo, workers=workers)
    else:
        done = _encode_groups(job, iter(todo))
    with progress(
        "encoding", total=len(groups), unit="groups", already=len(groups) - len(todo)
    ) as advance:
        for count in done:
            advance(count)
    return place


def _is_cached(place: Path, group: str, mark: str) -> bool:
    path = place / f"{Path(group).stem}.json"
    return path.exists() and read_json(path).get("fingerprint") == mark


def _encode_groups(job: _Job, names: Iterator[str]) -> Iterator[int]:
    marks = job.source.groups()
    for name in names:
        episodes = read_whole(job.source, name)
        if episodes:
            path = job.folder / f"{Path(name).stem}.npy"
            latents = [_encode(job.autoencoder, episode.frames) for episode in episodes]
            with written_aside(path) as aside, aside.open("wb") as file:
                np.save(file, np.concatenate(latents))
            notes = [{"num_frames": len(it.frames), "actions": list(it.actions)} for it in episodes]
            values = {"format": FORMAT, "fingerprint": marks[name], "episodes": notes}
            write_json(path.with_suffix(".json"), values)
        yield 1


def _encode(autoencoder: torch.nn.Module, frames_THWC: NDArray[np.uint8]) -> NDArray[np.float16]:
    latents_CTHW = encode_frames(autoencoder, frames_THWC[None])[0]
    return latents_CTHW.transpose(0, 1).half().cpu().numpy()


@dataclass(frozen=True, kw_only=True, slots=True)
class EpisodeLatents:
    """One episode in the cache."""

    latents_TCHW: NDArray[np.float16]
    """All frames."""

    actions: tuple[str, ...]
    """One canonical text a chunk."""

    @property
    def chunk_frames(self) -> int:
        """Frames of a chunk."""
        return (len(self.latents_TCHW) - 1) // len(self.actions)


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
        self.train: list[EpisodeLatents] = []
        self.held_out: list[EpisodeLatents] = []
        for name in names:
            *train, held_out = _open_group(folder / f"{name}.npy")
            self.train += train
            self.held_out.append(held_out)
        if not self.train:
            raise DataError(f"{folder} holds no latents to train on: were all shards damaged?")

    def texts(self) -> set[str]:
        """Return the action texts of all episodes."""
        return {text for episode in (*self.train, *self.held_out) for text in episode.actions}

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
            ConfigError: when no episode has a chunk of this length with so much before it.
        """
        past = past_lengths[_below(len(past_lengths), generator)]
        episodes = self.held_out if held_out else self.train
        latents: list[NDArray[np.float16]] = []
        texts: list[str] = []
        first = -(-(past - 1) // new_frames)  # the first chunk with so much before it
        share = 0.0 if held_out else even_share
        for _ in range(batch):
            if share and torch.rand((), generator=generator) < share:
                episode, index = self._of_any_action(first, generator)
            else:
                episode = episodes[_below(len(episodes), generator)]
                index = _chunk_from(episode, first, new_frames, generator)
            start, action = 1 + new_frames * index, episode.actions[index]
            latents.append(episode.latents_TCHW[start - past : start + new_frames])
            sayings = self.sayings.get(action, (action,))
            texts.append(sayings[_below(len(sayings), generator)])
        latents_BTCHW = torch.from_numpy(np.stack(latents).astype(np.float32))
        return Windows(
            latents_BCTHW=latents_BTCHW.transpose(1, 2).contiguous(),
            text_BND=text_encoder.encode(texts),
            past_frames=past,
        )

    def _of_any_action(self, first: int, generator: torch.Generator) -> tuple[EpisodeLatents, int]:
        """Draw a text, and then one of its chunks, none before the `first`."""
        texts = self._places(first)
        places = texts[_below(len(texts), generator)]
        number, index = places[_below(len(places), generator)]
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
        return [episodes[_below(len(episodes), generator)] for _ in range(count)]


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
    return least + _below(chunks - least, generator)


def _open_group(path: Path) -> list[EpisodeLatents]:
    try:
        latents = np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read latents from {path}: {error}") from error
    notes = read_json(path.with_suffix(".json"))["episodes"]
    ends = np.cumsum([note["num_frames"] for note in notes])
    return [
        EpisodeLatents(
            latents_TCHW=latents[end - note["num_frames"] : end], actions=tuple(note["actions"])
        )
        for note, end in zip(notes, ends, strict=True)
    ]


def _chunk_from(
    episode: EpisodeLatents, first: int, new_frames: int, generator: torch.Generator
) -> int:
    """Draw a chunk of an episode, none before the `first`."""
    if episode.chunk_frames != new_frames or first >= len(episode.actions):
        raise ConfigError(
            f"{new_frames} new frames after {first} chunks cannot be cut from an episode of"
            f" {len(episode.actions)} chunks of {episode.chunk_frames} frames"
        )
    return first + _below(len(episode.actions) - first, generator)


def _below(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=generator))


def windows_to(windows: Windows, like: Tensor) -> Windows:
    """Return the windows on the device of `like`, in its precision."""
    return Windows(
        latents_BCTHW=windows.latents_BCTHW.to(like),
        text_BND=windows.text_BND.to(like),
        past_frames=windows.past_frames,
    )
