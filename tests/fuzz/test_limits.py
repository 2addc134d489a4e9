"""The checks of this folder can fail: a pipe that is opened, a hang, too much memory is seen."""

import time
from contextlib import suppress

import av
import h5py
import numpy as np
import pyarrow.parquet
import pytest
from fuzzing.limits import BYTES, HangsError, ends_well, limits, pipe_at
from safetensors import safe_open
from safetensors.torch import load_file

from twospeed.core.errors import DataError

OPENERS = {
    "python": lambda path: path.read_bytes(),
    "numpy": np.load,
    "safetensors": load_file,
    "safetensors, lazily": lambda path: safe_open(path, framework="pt"),
    "PyAV": lambda path: av.open(str(path)),
    "h5py": lambda path: h5py.File(path, "r"),
    "pyarrow": pyarrow.parquet.ParquetFile,
}


@pytest.mark.parametrize("name", OPENERS)
def test_a_reader_that_opens_a_pipe_is_seen_and_does_not_hang(name, tmp_path):
    def spoil():
        with pipe_at(tmp_path / "a"), suppress(Exception):
            OPENERS[name](tmp_path / "a")

    with limits(), pytest.raises(AssertionError, match="a was opened"):
        spoil()


def test_a_reader_that_looks_before_it_opens_passes(tmp_path):
    with pipe_at(tmp_path / "a"):
        assert not (tmp_path / "a").is_file()


def test_a_reader_without_end_is_stopped():
    with pytest.raises(HangsError), limits(seconds=0.05):
        time.sleep(600)


def test_a_reader_that_takes_too_much_is_seen():
    with pytest.raises(MemoryError):
        ends_well(lambda: bytearray(2 * BYTES))


def test_two_lines_are_one_too_many():
    def refuse():
        raise DataError("one\ntwo")

    with pytest.raises(AssertionError):
        ends_well(refuse)
