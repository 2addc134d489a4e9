"""Labelled pictures and archives of numbers, changed at random."""

import gzip
import pickle
import shutil
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from fuzzing.cases import FRAMES, Case
from twospeed.terminator.datasets.files import read_data
from twospeed.terminator.parity.compare import compare_archive


class DataSets(Case):
    """Labelled pictures; each kind is a folder."""

    def write(self, folder):
        labels = np.arange(9) % 3
        np.savez(folder / "a.npz", images=FRAMES, labels=labels)

    def read(self, folder):
        read_data(folder / "a.npz")


class Mnists(DataSets):
    def write(self, folder):
        for part in ("train", "t10k"):
            for name, values in (
                ("images-idx3", FRAMES[..., 0]),
                ("labels-idx1", np.arange(9) % 3),
            ):
                head = bytes([0, 0, 8, values.ndim]) + struct.pack(
                    f">{values.ndim}I", *values.shape
                )
                content = head + values.astype(np.uint8).tobytes()
                (folder / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(content))

    def read(self, folder):
        read_data(folder)


class Cifars(Mnists):
    def write(self, folder):
        rows = np.zeros((3, 3072), np.uint8)
        batch = {b"data": rows, b"labels": [0, 1, 1], b"filenames": [b"a", b"b", b"c"]}
        for name in ("data_batch_1", "test_batch"):
            (folder / name).write_bytes(pickle.dumps(batch, protocol=2))


class BinaryCifars(Mnists):
    def write(self, folder):
        for name in ("data_batch_1.bin", "test_batch.bin"):
            (folder / name).write_bytes(b"\1" + bytes(3072) + b"\2" + bytes(3072))


class FoldersOfPictures(Mnists):
    def write(self, folder):
        for name in ("cat", "dog"):
            (folder / name).mkdir()
            for number in range(3):
                Image.fromarray(FRAMES[number]).save(folder / name / f"{number}.png")


class Archives(Case):
    def write(self, folder):
        fixture = Path(__file__).parents[2] / "terminator" / "fixtures" / "terminator_8x8.npz"
        shutil.copy(fixture, folder / "a.npz")

    def read(self, folder):
        compare_archive(folder / "a.npz")


CASES = (
    DataSets,
    Mnists,
    Cifars,
    BinaryCifars,
    FoldersOfPictures,
    Archives,
)
