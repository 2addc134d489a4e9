"""Tiny parts for planning: recorded rooms of 16 pixels, inverse dynamics that know the truth."""

import numpy as np
import pytest

from twospeed.planning.inverse.base import ReadCommand
from twospeed.planning.inverse.learned import InverseSettings, LearnedInverseDynamics
from twospeed.planning.inverse.networks import NetworkShape, build_network
from twospeed.worlds.language import MOVES


def recorded(folder, size):
    from twospeed.data.recorder import record
    from twospeed.data.recording import RecordingConfig

    record(RecordingConfig(world="rooms", episodes=32, chunks=4, frame_size=size), folder)
    return folder


@pytest.fixture(scope="session")
def shards(tmp_path_factory):
    return recorded(tmp_path_factory.mktemp("shards") / "rooms", 16)


@pytest.fixture(scope="session")
def larger_shards(tmp_path_factory):
    return recorded(tmp_path_factory.mktemp("shards") / "rooms", 32)


@pytest.fixture
def inverse():
    """Inverse dynamics of the rooms' commands, untrained."""
    shape = NetworkShape(frames=5, frame_size=16, outputs=len(MOVES) + 1)
    settings = InverseSettings(
        network="convolution", world="rooms", commands=tuple(MOVES), shape=shape
    )
    return LearnedInverseDynamics(build_network("convolution", shape), settings)


class Scripted:
    """Reads what it was told, whatever the frames show."""

    commands = tuple(MOVES)

    def __init__(self, *told):
        self.told = list(told)

    def read(self, clips):
        found = []
        for _ in clips:
            command = self.told.pop(0)
            shares = np.full(len(MOVES) + 1, 0.0)
            shares[-1 if command is None else self.commands.index(command)] = 1.0
            found.append(ReadCommand(command=command, confidence=1.0, shares=tuple(shares)))
        return found


@pytest.fixture
def scripted():
    return Scripted
