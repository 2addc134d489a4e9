"""Lessons: memories with the episodes that they were learned from, as they lie on disk.

    NAME/                      a memory (memory/files.py)
    NAME.lesson.safetensors    latents of its episode; actions, and how many chunks it had learned

The chunks that come after those are what the slow weights learn to predict beside the memory: X_i
and X_{i+1} of Algorithm 1(b), with the memory as its frozen fast weights. The lesson's file comes
last, so a lesson is whole or not there. Axes: T frames, C channels, H and W latent cells.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from twospeed.core.config import to_json
from twospeed.core.errors import ConfigError, DataError, TwospeedError
from twospeed.core.files import StrPath, as_path, remove_file, sha256_of, written_aside
from twospeed.core.folders import FolderKind
from twospeed.core.ranges import Count, EpisodeSeed, FramesPerSecond
from twospeed.core.untrusted import parse_json, parsing, typed
from twospeed.data.recorder import TEST_SEEDS_FROM
from twospeed.memory.config import FastLearningConfig, ViewConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import MEMORY, WEIGHTS, load_memory, save_memory
from twospeed.memory.memory_file import MemoryFile, memory_of, open_memories
from twospeed.memory.ways import adapted
from twospeed.training.data.latents import EpisodeLatents
from twospeed.worldmodel.model import WorldModel

FORMAT = "twospeed-lesson-1"
ENDING = ".lesson.safetensors"

MEMORIES = FolderKind(
    name="a folder of memories with their episodes",
    files=(f"*{ENDING}", *(f"*/{file}" for file in MEMORY.files)),
    sign=lambda folder: any(folder.glob(f"*{ENDING}")) or any(folder.glob(f"*/{WEIGHTS}")),
)
"""What `keep_lesson` leaves in a folder."""

NO_VIEWS = (
    "views are pictures that a renderer draws from, no weights that the denoiser could learn"
    " beside: take --preset associative or gradient"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Notes:
    """What a lesson says beside its latents."""

    seed: EpisodeSeed
    """Of the episode."""

    actions: tuple[str, ...]
    """One text a chunk."""

    written: Count
    """How many chunks the memory has learned, the first ones."""

    world: str
    """Where."""

    frames_per_second: FramesPerSecond
    """Of its frames."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Lesson:
    """One episode and the memory of its first chunks."""

    path: Path
    """The memory's folder."""

    notes: Notes

    episode: EpisodeLatents
    """All its chunks, those that come after the memory too."""

    @property
    def later(self) -> range:
        """Return the chunks that the memory has not learned."""
        return range(self.notes.written, len(self.episode.actions))

    def memory(self) -> MemoryFile:
        """Read the memory.

        Raises:
            DataError: when it is damaged.
        """
        return load_memory(self.path)

    def sha256(self) -> dict[str, str]:
        """Return the checksums of what lies on disk, file -> SHA-256."""
        files = [*sorted(self.path.glob("*.safetensors")), lesson_file(self.path)]
        return {str(it.relative_to(self.path.parent)): sha256_of(it) for it in files}


def lesson_file(memory: Path) -> Path:
    """Return where the lesson of a memory's folder lies: beside it."""
    return memory.with_name(memory.name + ENDING)


def keep_lesson(path: StrPath, memory: FastWeights, latents_1CTHW: Tensor, notes: Notes) -> None:
    """Write a memory and its lesson; those that were there are replaced.

    Args:
        path: the memory's folder.
        memory: of one episode.
        latents_1CTHW: of all its frames.
        notes: the rest.

    Raises:
        ConfigError: when the memory holds views.
        DataError: when something else stands there, or the disk is full.
    """
    place = as_path(path)
    check_acts(memory.model, memory.config)
    remove_file(lesson_file(place))
    save_memory(memory_of(memory), place)
    latents_TCHW = latents_1CTHW[0].transpose(0, 1).half().cpu().contiguous()
    said = {"format": FORMAT, "notes": json.dumps(to_json(notes))}
    with written_aside(lesson_file(place)) as aside:
        save_file({"latents": latents_TCHW}, aside, metadata=said)


def lessons_in(folder: StrPath, model: WorldModel) -> list[Lesson]:
    """Read all lessons of a folder, by name, and hold them to a model.

    Raises:
        ConfigError: when a memory holds views, or acts beside the denoiser.
        DataError: when there is none, one is damaged, its memory belongs to other slow weights, it
            is of an episode for testing, or its latents are not the model's.
    """
    place = as_path(folder, "memories")
    files = sorted(place.glob(f"*{ENDING}")) if place.is_dir() else []
    if not files:
        raise DataError(
            f"{place} holds no memory with its episode (NAME/ and NAME{ENDING}): keep some by"
            " twospeed plan ... --keep-memories"
        )
    lessons = [_read(file) for file in files]
    ways = {_check(lesson, model): lesson for lesson in lessons}
    if len(ways) > 1:
        one, other, *_ = (it.path.name for it in ways.values())
        raise DataError(
            f"the memories {one} and {other} in {place} are written in two ways: consolidate each"
            " way by itself"
        )
    return lessons


def _read(file: Path) -> Lesson:
    """Read a lesson, without its memory."""
    with parsing(str(file)), safe_open(file, framework="pt") as opened:
        metadata = opened.metadata() or {}
        names = list(opened.keys())
        latents = opened.get_tensor("latents") if names == ["latents"] else None
    if metadata.get("format") != FORMAT or latents is None:
        raise DataError(f"{file} is no lesson of format {FORMAT!r}")
    if latents.dtype != torch.float16 or latents.ndim != 4 or not latents.isfinite().all():
        raise DataError(f"{file} is damaged: its latents are no finite float16 (T, C, h, w)")
    notes = typed(Notes, parse_json(metadata.get("notes", ""), f"notes of {file}"), str(file))
    chunks = len(notes.actions)
    if not 1 <= notes.written <= chunks or (len(latents) - 1) % chunks:
        raise DataError(
            f"{file} is damaged: {len(latents)} latents are no {chunks} chunks after a first one,"
            f" of which {notes.written} are written"
        )
    episode = EpisodeLatents(
        latents_TCHW=latents.numpy(),
        actions=notes.actions,
        world=notes.world,
        frames_per_second=notes.frames_per_second,
    )
    name = file.name.removesuffix(ENDING)
    return Lesson(path=file.with_name(name), notes=notes, episode=episode)


def _check(lesson: Lesson, model: WorldModel) -> FastLearningConfig:
    """Hold a lesson to a model, and return how its memory is written."""
    file, notes, episode = lesson.memory(), lesson.notes, lesson.episode
    try:
        if notes.seed >= TEST_SEEDS_FROM:
            raise DataError(f"episodes from seed {TEST_SEEDS_FROM} on are for testing: keep others")
        check_acts(model, file.config)
        first_CTHW = torch.from_numpy(episode.latents_TCHW[:1]).float().transpose(0, 1)
        model.check_latents(first_CTHW[None], "latents")
        if episode.chunk_frames != model.latents_in(model.settings.chunk_frames):
            raise DataError(f"its chunks are of {episode.chunk_frames} latents, not the model's")
        open_memories(model, [file], seeds=(notes.seed,))
    except ConfigError:
        raise
    except TwospeedError as error:
        raise DataError(f"{lesson.path}: {error}") from error
    return file.config


def check_acts(model: WorldModel, config: FastLearningConfig) -> None:
    """Refuse memories that do not act on the denoiser: its weights learn nothing beside them.

    Raises:
        ConfigError: then.
    """
    if isinstance(config, ViewConfig):
        raise ConfigError(NO_VIEWS)
    if adapted(model, config) is not model.denoiser:
        raise ConfigError(
            "this model recalls by a memory module beside its denoiser: the denoiser learns nothing"
            " beside such memories; take --preset gradient"
        )
