"""One pass over all shards below a folder: the notes and the look of every episode."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twospeed.core.errors import DataError
from twospeed.core.files import StrPath, as_path
from twospeed.core.progress import Advance, progress
from twospeed.data.index import ShardEntry, check_shard, read_index
from twospeed.data.likeness import Look, look_of
from twospeed.data.lossless import unpack_frames
from twospeed.data.notes import Notes
from twospeed.data.recorder import TEST_SEEDS_FROM
from twospeed.data.shards import read_samples


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sample:
    """One episode in a shard."""

    shard: Path
    """The file that it lies in."""

    world: str
    seed: int

    scene: str
    """Its world and the place in it; where nobody names the place, its seed."""

    actions: tuple[str, ...]
    num_frames: int
    frames_per_second: float

    look: Look | None
    """Of its first frame; None where no frame was decoded."""

    @property
    def name(self) -> str:
        """What people call it."""
        return f"episode {self.seed} of {self.world}"

    @property
    def is_for_testing(self) -> bool:
        """Whether nothing may be trained on it."""
        return self.seed >= TEST_SEEDS_FROM


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What lies below a folder."""

    samples: tuple[Sample, ...]
    """All episodes of shards that are whole."""

    num_bytes: int
    """Size of these shards."""

    damaged: tuple[str, ...]
    """One line for every shard that could not be read."""


def folders_below(place: Path) -> list[Path]:
    """Return the folders of shards at or below a place.

    Raises:
        DataError: when there is none.
    """
    found = sorted(path.parent for path in place.rglob("index.json"))
    if not found:
        raise DataError(f"{place} has no index.json: no recording has been finished there")
    return found


def survey(place: StrPath, *, with_looks: bool = True) -> Survey:
    """Read the notes, and unless told otherwise the first frame, of all episodes below a folder.

    Raises:
        DataError: when there is no index of this version, or no shard is whole.
    """
    place = as_path(place, "place")
    entries = [(folder, it) for folder in folders_below(place) for it in read_index(folder)]
    samples: list[Sample] = []
    damaged: list[str] = []
    num_bytes = 0
    total = sum(len(entry.seeds) for _, entry in entries)
    with progress("reading", total=total, unit="episodes") as advance:
        for folder, entry in entries:
            try:
                samples += _samples_of(folder / entry.name, entry, with_looks, advance)
                num_bytes += entry.num_bytes
            except DataError as error:
                damaged.append(f"shard {folder / entry.name} is skipped: {error}")
    if not samples:
        raise DataError(f"{place}: none of its {len(entries)} shards can be read")
    return Survey(samples=tuple(samples), num_bytes=num_bytes, damaged=tuple(damaged))


def _samples_of(path: Path, entry: ShardEntry, with_looks: bool, advance: Advance) -> list[Sample]:
    check_shard(path, entry)
    return list(_read(path, with_looks, advance))


def _read(path: Path, with_looks: bool, advance: Advance) -> Iterator[Sample]:
    for notes, video in read_samples(path):
        look = look_of(unpack_frames(video, most=1)[0]) if with_looks else None
        yield _sample(path, notes, look)
        advance()


def _sample(path: Path, notes: Notes, look: Look | None) -> Sample:
    place = notes.scene or f"seed {notes.seed}"
    return Sample(
        shard=path,
        world=notes.world,
        seed=notes.seed,
        scene=f"{notes.world}: {place}",
        actions=notes.actions,
        num_frames=notes.num_frames,
        frames_per_second=notes.frames_per_second,
        look=look,
    )
