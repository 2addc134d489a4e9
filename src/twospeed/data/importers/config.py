"""How footage becomes episodes: sizes, rates, seeds, and which scenes."""

import hashlib
import re
from dataclasses import dataclass

from twospeed.core.errors import ConfigError
from twospeed.core.fields import check_fields, shown
from twospeed.core.pictures import Size
from twospeed.core.ranges import ChunkFrames, Count, EpisodeSeed, FrameSize, FramesPerSecond
from twospeed.data.recorder import TEST_SEEDS_FROM

SCENES = ("all", "train", "test")

_TEST_SHARE = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportConfig:
    """How footage becomes episodes."""

    format: str
    """A name in `twospeed.data.importers.registry.FORMATS`."""

    name: str
    """What the data are called: the `world` of every episode."""

    frame_size: FrameSize = 64
    """Height of the frames in pixels, and width where no other is given; the middle is cut out
    and resized."""

    frame_width: FrameSize | None = None
    """Width in pixels; None is square."""

    frames_per_second: FramesPerSecond = 4.0
    """Frames are taken at this rate, by their times."""

    chunk_frames: ChunkFrames = 4
    """Frames of one action."""

    first_seed: EpisodeSeed = 0
    """Number of the first episode; from 800,000 on they are for testing only."""

    scenes: str = "all"
    """Which scenes: all, train (nine of ten, by their names) or test (the others)."""

    camera: str | None = None
    """Which of several cameras; None takes the first."""

    episodes_per_shard: Count = 32
    """Episodes of one file."""

    def __post_init__(self) -> None:
        check_fields(self)
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", self.name):
            raise ConfigError(
                "a name has up to 64 small letters, digits, - and _, got"
                f" {shown(self.name)}: give one by --name"
            )
        if self.scenes not in SCENES:
            raise ConfigError(f"scenes must be one of {', '.join(SCENES)}, got {self.scenes!r}")

    @property
    def size(self) -> Size:
        """Height and width of the frames in pixels."""
        return Size.of(self.frame_size, self.frame_width)

    @property
    def chunk_seconds(self) -> float:
        """How long an action lasts."""
        return self.chunk_frames / self.frames_per_second

    def takes_scene(self, scene: str) -> bool:
        """Say whether this scene is among `scenes`; the name alone decides."""
        digest = hashlib.sha256(scene.encode()).digest()
        is_test = int.from_bytes(digest[:8], "big") % _TEST_SHARE == 0
        return self.scenes == "all" or is_test == (self.scenes == "test")

    def seeds_of(self, count: int) -> range:
        """Return the seeds of `count` takes.

        Raises:
            ConfigError: when some would be for training and some for testing.
        """
        seeds = range(self.first_seed, self.first_seed + count)
        if seeds and seeds[0] < TEST_SEEDS_FROM <= seeds[-1]:
            raise ConfigError(
                f"seeds {seeds[0]} to {seeds[-1]} cross {TEST_SEEDS_FROM}, where those for testing"
                " begin: give another --first-seed"
            )
        return seeds
