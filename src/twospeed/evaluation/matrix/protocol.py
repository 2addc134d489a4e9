"""Protocols by name and version, each a file: what is walked, shown, generated and scored."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from twospeed.core.errors import ConfigError, lookup
from twospeed.core.fields import check_fields
from twospeed.core.files import read_json
from twospeed.core.ranges import Count, Within
from twospeed.core.untrusted import typed
from twospeed.worldmodel.catalogue import PACKAGED
from twospeed.worlds.routes.base import EXACT

FOLDER = PACKAGED / "protocols"
EXPLORE = "explore"

_CHOICES = {
    "episode": (EXPLORE, *(kind for kind in EXACT if kind != "replay")),
    "observed": ("none", "first", "seen", "each"),
    "scored": ("all", "revisits", "none"),
    "reference": ("same", "others"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Protocol:
    """What is done with a memory. Of one version, it is the same for ever."""

    name: str
    version: Count
    summary: str

    episode: str
    """"explore", or the kind of a route there and back."""

    chunks: Annotated[int, Within(0, 100_000)]
    """Chunks of an exploration; a route has its own."""

    observed: str
    """True chunks that are shown: "none" but the first frame, the "first", those on the way out
    ("seen"), or "each" after it was predicted."""

    learn_generated: bool
    """Whether the memory learns what is generated; else it goes along."""

    scored: str
    """Frames that are held against the truth: "all" generated ones, "revisits" or "none"."""

    reference: str
    """Whose true clips distances of sets are from: of the "same" episodes or of "others"."""

    first: Count = 1
    """How many true chunks "first" shows."""

    world: str | None = None
    """Where, unless told otherwise; None for the world that the model is of."""

    policy: str = "explore"
    """Who chooses the commands of an exploration: a name as `RecordingConfig` takes it."""

    def __post_init__(self) -> None:
        check_fields(self)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ConfigError(
                    f"{name} of a protocol is {' or '.join(choices)}, got {getattr(self, name)!r}"
                )
        explores = self.episode == EXPLORE
        if explores and (self.chunks < 2 or self.observed == "seen" or self.scored == "revisits"):
            raise ConfigError("an exploration has chunks, 2 or more, and no way back")
        if explores and self.observed == "first" and self.first >= self.chunks:
            raise ConfigError(
                f"of {self.chunks} chunks the first {self.first} are shown: none is generated"
            )

    @property
    def teaches(self) -> bool:
        """Whether true chunks are shown before any is generated."""
        return self.observed in ("first", "seen")

    @property
    def shown(self) -> int:
        """True chunks that an exploration shows before any is generated."""
        return self.first if self.observed == "first" else 0


def protocols() -> dict[str, Path]:
    """Return the files of the packaged protocols by their names."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.json"))}


def load_protocol(name: str) -> Protocol:
    """Load a protocol by its name, or from a file ending in .json.

    Raises:
        UnknownNameError: when there is none of this name.
        DataError: when the file is none.
    """
    path = Path(name) if name.endswith(".json") else lookup(protocols(), name, "protocol")
    return typed(Protocol, read_json(path), str(path))
