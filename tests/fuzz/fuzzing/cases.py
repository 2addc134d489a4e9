"""Kinds of files with what reads them, and the two checks that all of them pass."""

import shutil
from contextlib import contextmanager
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fuzzing.changes import change
from fuzzing.limits import ends_well, pipe_at

FRAMES = np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3), dtype=np.uint8)
FRAMES[:, ::2] = 200


class Case:
    """Files of one kind, and what reads them."""

    files = "**/*"
    """Those that are changed."""

    def __init__(self, make_model):
        self._make_model = make_model

    @cached_property
    def model(self):
        """The tiny world model that most kinds belong to."""
        return self._make_model()

    def write(self, folder):
        """Write the files."""
        raise NotImplementedError

    def read(self, folder):
        """Read the folder as users would."""
        raise NotImplementedError


def check_changes(case, tmp_path):
    """Check that files changed at random are read, or refused in one line."""
    real, files = _written(case, tmp_path)

    @given(random=st.randoms(use_true_random=False))
    def change_one(random):
        with TemporaryDirectory(dir=tmp_path) as place:
            shutil.copytree(real, place, dirs_exist_ok=True)
            path = place / random.choice(files).relative_to(real)
            path.write_bytes(change(path.read_bytes(), path.suffix, random))
            ends_well(lambda: case.read(Path(place)))

    case.read(real)  # unchanged it is read
    change_one()


def check_stand_ins(case, tmp_path):
    """Check that what stands in the place of a file is refused in one line; pipes unopened."""
    real, files = _written(case, tmp_path)
    for number, (path, stand_in) in enumerate(product(files, (pipe_at, *STAND_INS))):
        place = tmp_path / str(number)
        shutil.copytree(real, place)
        spoilt = place / path.relative_to(real)
        spoilt.unlink()
        with stand_in(spoilt):
            ends_well(partial(case.read, place))
        shutil.rmtree(place)


def _written(case, tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    case.write(real)
    return real, sorted(path for path in real.glob(case.files) if path.is_file())


@contextmanager
def a_folder(path):
    path.mkdir()
    yield


@contextmanager
def an_empty_file(path):
    path.touch()
    yield


@contextmanager
def a_link_to_itself(path):
    path.symlink_to(path.name)
    yield


@contextmanager
def nothing(_):
    yield


STAND_INS = (a_folder, an_empty_file, a_link_to_itself, nothing)
