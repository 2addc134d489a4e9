"""The latent cache: every episode is encoded once.

For each group of a source, ``<group>.npy`` holds float16 latents (frames, C, h, w) of its episodes
in a row and ``<group>.json`` their lengths and actions; the JSON file comes last, so a group is
whole or not there. The folder's name is the encoder's hash: another encoder, another cache.

Holds: `fill_cache`, `EpisodeLatents`, `read_group`. Holds not: what is drawn from it (windows.py).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from twospeed.core.errors import DataError
from twospeed.core.files import read_json, sweep, write_json, written_aside
from twospeed.core.progress import progress
from twospeed.core.ranges import Count, FramesPerSecond
from twospeed.core.untrusted import resuming, typed
from twospeed.data.episode import Episode
from twospeed.data.workers import run_in_processes
from twospeed.training.data.sources import EpisodeSource, read_whole
from twospeed.worldmodel.autoencoder import FrameAutoencoder
from twospeed.worldmodel.codec import encode_frames

FORMAT = "twospeed-latents-1"
GROUPS_WORTH_A_PROCESS = 4
"""A process takes seconds to start; with fewer groups each, this one does the work."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """What a process needs to encode groups."""

    source: EpisodeSource
    autoencoder: torch.nn.Module
    folder: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class _Note:
    """What is kept of one episode beside its latents."""

    num_frames: Count
    """Latents: its frames, or fewer where the autoencoder packs time."""

    actions: tuple[str, ...]
    world: str | None = None
    frames_per_second: FramesPerSecond | None = None


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
    if not path.exists() or not path.with_suffix(".npy").exists():
        return False
    with resuming(path):
        return read_json(path).get("fingerprint") == mark


def _encode_groups(job: _Job, names: Iterator[str]) -> Iterator[int]:
    marks = job.source.groups()
    for name in names:
        episodes = read_whole(job.source, name)
        if episodes:
            path = job.folder / f"{Path(name).stem}.npy"
            latents = [_encode(job.autoencoder, episode.frames) for episode in episodes]
            with written_aside(path) as aside, aside.open("wb") as file:
                np.save(file, np.concatenate(latents))
            notes = [
                _note_of(episode, len(it)) for episode, it in zip(episodes, latents, strict=True)
            ]
            values = {"format": FORMAT, "fingerprint": marks[name], "episodes": notes}
            write_json(path.with_suffix(".json"), values)
        yield 1


def _note_of(episode: Episode, num_latents: int) -> dict[str, Any]:
    note = _Note(
        num_frames=num_latents,
        actions=episode.actions,
        world=episode.world,
        frames_per_second=episode.frames_per_second,
    )
    return asdict(note)


def _encode(autoencoder: torch.nn.Module, frames_THWC: NDArray[np.uint8]) -> NDArray[np.float16]:
    latents_CTHW = encode_frames(autoencoder, frames_THWC[None])[0]
    return latents_CTHW.transpose(0, 1).half().cpu().numpy()


@dataclass(frozen=True, kw_only=True, slots=True)
class EpisodeLatents:
    """One episode in the cache."""

    latents_TCHW: NDArray[np.float16]
    """All frames, or the latents that they are packed into."""

    actions: tuple[str, ...]
    """One canonical text a chunk."""

    world: str | None = None
    """The world or import that it was recorded in; None in a cache that does not tell."""

    frames_per_second: float | None = None
    """The rate that it was recorded at; None in a cache that does not tell."""

    @property
    def chunk_frames(self) -> int:
        """Latents of a chunk."""
        return (len(self.latents_TCHW) - 1) // len(self.actions)


def read_group(path: Path) -> list[EpisodeLatents]:
    """Return the episodes of one ``.npy`` file of a cache; the last one is held out.

    Raises:
        DataError: when it is damaged.
    """
    with resuming(path):
        latents = np.load(path, mmap_mode="r", allow_pickle=False)
        if latents.dtype != np.float16 or latents.ndim != 4:
            raise DataError(f"it should hold float16 (T, C, h, w), got {latents.dtype}")
    with resuming(path.with_suffix(".json")):
        said = read_json(path.with_suffix(".json"))
        notes = typed(tuple[_Note, ...], said.get("episodes"), "its episodes")
        ends = list(accumulate(note.num_frames for note in notes))
        if not ends or ends[-1] != len(latents) or not all(note.actions for note in notes):
            raise DataError(f"its episodes are not those of {len(latents)} frames")
    return [
        EpisodeLatents(
            latents_TCHW=latents[end - note.num_frames : end],
            actions=note.actions,
            world=note.world,
            frames_per_second=note.frames_per_second,
        )
        for note, end in zip(notes, ends, strict=True)
    ]
