"""What networks begin with: first weights drawn by a seed, or those of other inverse dynamics."""

from collections.abc import Sequence

from torch import nn

from twospeed.core.errors import ConfigError
from twospeed.core.files import as_path
from twospeed.planning.inverse.clips import ClipSet
from twospeed.planning.inverse.learned import LearnedInverseDynamics
from twospeed.planning.inverse.networks import STRIDE, NetworkShape, build_network

MODEL = "model"
"""Where in the folder of a network the trained one is."""


def starts_of(start: str, networks: Sequence[str]) -> dict[str, LearnedInverseDynamics]:
    """Return what each network begins with, by its name; nothing where they begin anew.

    Args:
        start: the folder of a run, or of one network, or a world with packaged ones; or "".
        networks: names in `NETWORKS`.

    Raises:
        ConfigError: when a network is of another kind.
        DataError: when there is none, or it is damaged.
    """
    return {name: _start_of(start, name) for name in networks} if start else {}


def first_network(
    name: str, clips: ClipSet, seed: int, start: LearnedInverseDynamics | None
) -> nn.Module:
    """Return a network for these clips with its first weights.

    Raises:
        ConfigError: when the clips have other frames or commands than it begins with.
    """
    network = build_network(name, shape_of(clips), seed=seed)
    if start is not None:
        if (start.settings.shape, start.commands) != (shape_of(clips), clips.commands):
            raise ConfigError(
                f"inverse dynamics of {start.settings.world} read other frames or commands than"
                " these recordings have: begin with others, or anew"
            )
        network.load_state_dict(start.network.state_dict())
    return network


def shape_of(clips: ClipSet) -> NetworkShape:
    """Return what a network for these clips reads and gives.

    Raises:
        ConfigError: when the frames cannot be cut into cells.
    """
    size = clips.frames.shape[1]
    if size % STRIDE or clips.frames.shape[2] != size:
        raise ConfigError(
            f"inverse dynamics read square frames of a multiple of {STRIDE} pixels, got"
            f" {clips.frames.shape[1]} x {clips.frames.shape[2]}"
        )
    frames = 1 + clips.chunk_frames
    return NetworkShape(frames=frames, frame_size=size, outputs=len(clips.commands) + 1)


def _start_of(start: str, name: str) -> LearnedInverseDynamics:
    of_run = as_path(start, "start") / name / MODEL
    found = LearnedInverseDynamics.load(of_run if of_run.is_dir() else start)
    if found.settings.network != name:
        raise ConfigError(
            f"{start} is a {found.settings.network}, and the {name} cannot begin with it: take"
            f' networks=["{found.settings.network}"], or the folder of a run of both'
        )
    return found
