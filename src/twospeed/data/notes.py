"""The notes of a sample in a shard: all that an episode holds beside its frames, as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated

from twospeed.core.errors import DataError
from twospeed.core.fields import shown
from twospeed.core.ranges import ChunkFrames, Count, FramesPerSecond, Within
from twospeed.core.untrusted import parse_json, typed

Number = Annotated[float, Within(-1e9, 1e9)]
"""Metres, degrees, or what an engine says of an object."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notes:
    """Every field of `twospeed.data.episode.Episode` but the frames, and their number.

    Raises:
        DataError: when the numbers of frames do not fit each other.
    """

    world: str
    """The name of the world that it was recorded in."""

    seed: int
    """The seed that the world was reset with."""

    actions: tuple[str, ...]
    """One command a chunk, in canonical text."""

    num_frames: Count
    """The first frame and those of all chunks."""

    frames_per_second: FramesPerSecond
    """How fast the frames are meant to be shown."""

    chunk_frames: ChunkFrames = 4
    """How many frames every action adds."""

    scene: str | None = None
    """The place that was filmed; None: the seed's."""

    poses: tuple[tuple[Number, Number, Number], ...] | None = None
    """One (x, y, heading) a frame; None when the world knows none."""

    objects: tuple[Mapping[str, tuple[Number, ...]], ...] | None = None
    """For every frame, name -> numbers; None: nothing."""

    def __post_init__(self) -> None:
        expected = 1 + self.chunk_frames * len(self.actions)
        if self.num_frames != expected:
            raise DataError(
                f"{len(self.actions)} actions of {self.chunk_frames} frames after a first frame"
                f" make {expected} frames, got {self.num_frames}"
            )
        for name in ("poses", "objects"):
            values = getattr(self, name)
            if values is not None and len(values) != self.num_frames:
                raise DataError(f"{self.num_frames} frames, but {name} of {len(values)}")

    def to_bytes(self) -> bytes:
        """Return the JSON: the same bytes for the same notes."""
        absent = {name for name in ("scene", "objects") if getattr(self, name) is None}
        values = {name: value for name, value in asdict(self).items() if name not in absent}
        return (json.dumps(values, sort_keys=True) + "\n").encode()

    @classmethod
    def parse(cls, content: bytes, name: str) -> "Notes":
        """Read the JSON of a sample.

        Args:
            content: its bytes.
            name: of the sample, for the message.

        Raises:
            DataError: when it is no JSON, or a field is not there, of another type or out of range.
        """
        values = parse_json(content, f"its {shown(name)}")
        try:
            return typed(cls, values, "notes")
        except DataError as error:
            seed = values.get("seed") if isinstance(values, dict) else None
            raise DataError(f"its sample of seed {shown(seed)} is damaged ({error})") from error
