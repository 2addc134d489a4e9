"""Data of strangers: whatever the bytes say, reading them ends in examples or in one line."""

import gzip
import io
import pickle
import random
import struct
import zipfile

import numpy as np
import pytest

from twospeed.core.errors import TwospeedError
from twospeed.terminator.datasets import cifar_pickle, files
from twospeed.terminator.datasets.built_in import load_examples
from twospeed.terminator.datasets.files import read_data


def refused(path, message):
    with pytest.raises(TwospeedError, match=message) as caught:
        read_data(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


PICTURES = np.zeros((4, 5, 5), np.uint8)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (
            PICTURES,
            np.array([0, 1, 2, 10**12]),
            "labels must be 0 to 9,999, got 0 to 1000000000000",
        ),
        (PICTURES, np.array([0, 1, 2, 2**64 - 1], np.uint64), "labels must be 0 to 9,999"),
        (PICTURES, np.full(4, -(2**63)), "labels must be"),
        (PICTURES, np.array([0, 1, 1, 0], object), "no npz archive of plain arrays"),
        (PICTURES[:, :0], np.array([0, 1, 1, 0]), "must have a pixel"),
        (PICTURES[:0], np.zeros(0, int), "no examples"),
        (PICTURES.astype(complex), np.array([0, 1, 1, 0]), "must be numbers"),
    ],
)
def test_arrays_that_are_no_examples_are_one_line(tmp_path, images, labels, message):
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    refused(tmp_path / "a.npz", message)


def npy(shape, descr="|u1", content=b""):
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


@pytest.mark.parametrize(
    "content",
    [
        npy((2**47,)),
        npy((-1, 5)),
        npy((2**40, 2**40)),
        npy((4,), "|O", b"x" * 32),
        npy((1,), "|V99999999999"),
        npy("(" * 5000),
        b"no array",
        b"",
        npy((4, 5, 5))[:30],
        b"\x93NUMPY\x03\x00" + npy((4,), content=b"1234")[8:],
    ],
)
def test_headers_that_say_more_than_there_is_are_one_line(tmp_path, content):
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
            archive.writestr("images.npy", content)
            archive.writestr("labels.npy", npy((4,), content=b"\0\1\0\1"))
        refused(tmp_path / "a.npz", "no npz archive of plain arrays, or damaged")


def test_what_unpacks_to_more_than_the_memory_is_one_line(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((100, 64, 64), np.uint8))
    monkeypatch.setattr("twospeed.core.capacity.total_memory", lambda: 100_000)
    refused(tmp_path / "a.npz", "takes at least 0 GB of memory")


def said(path):
    """Return the line that reading ends in, if it ends in one."""
    try:
        read_data(path)
    except TwospeedError as error:
        return str(error)
    return ""


def random_damage(content, seed):
    draw = random.Random(seed)
    damaged = bytearray(content)
    for _ in range(draw.randint(1, 8)):
        damaged[draw.randrange(len(damaged))] = draw.randrange(256)
    return bytes(damaged[: draw.randint(1, len(damaged))] if draw.random() < 0.3 else damaged)


@pytest.mark.parametrize("compressed", [False, True])
def test_random_damage_of_an_archive_is_one_line_or_none(tmp_path, compressed):
    store, file = np.savez_compressed if compressed else np.savez, io.BytesIO()
    store(file, images=np.zeros((10, 6, 6), np.uint8), labels=np.arange(10) % 2)
    for seed in range(150):
        (tmp_path / "a.npz").write_bytes(random_damage(file.getvalue(), seed))
        assert "\n" not in said(tmp_path / "a.npz")


class Array:
    """What a pickle makes of it: an array whose shape, dtype and bytes may be anything."""

    def __init__(self, shape, content=b"", kind="u1"):
        self.state = (1, shape, np.dtype("u1") if kind == "u1" else Dtype(kind), False, content)

    def __reduce__(self):
        make = np._core.multiarray._reconstruct
        return make, (np.ndarray, (0,), b"b"), self.state


class Dtype:
    def __init__(self, kind):
        self.kind = kind

    def __reduce__(self):
        return np.dtype, (self.kind, False, True)


class Encoded:
    def __reduce__(self):
        import _codecs

        return _codecs.encode, ("a" * 1000, "idna")


def batch(**values):
    whole = {"data": np.zeros((3, 3072), np.uint8), "labels": [0, 1, 1], **values}
    return pickle.dumps({key.encode(): value for key, value in whole.items()}, protocol=2)


def shared_tuples():
    """A key whose hash would take 2^60 steps."""
    tuples = b"(K\x01tq\x00" + b"".join(
        b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) for i in range(60)
    )
    return b"\x80\x02}" + tuples + b"K\x01s."


def shared_lists(levels=40):
    value = [1, 2]
    for _ in range(levels):
        value = [value] * 10
    return value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (batch(data=Array((2**47,))), "cannot read"),
        (batch(data=Array((2**40, 2**40), b"123")), "cannot read"),
        (batch(data=Array((-1, 3072), bytes(3072 * 3))), None),
        (batch(data=Array((2**33,), [0], kind="O8")), "an array of 'O8'"),
        (batch(data=Array((1,), b"1", kind="V999999999999")), "an array of 'V9999"),
        (batch(data=Encoded()), "asks for the encoding 'idna'"),
        (batch(data=shared_lists()), "no array and no list of whole numbers"),
        (batch(labels=shared_lists()), "no array and no list of whole numbers"),
        (batch(labels=[0, 1, 10**12]), "labels must be 0 to 9,999"),
        (batch(labels=[0, 1, 10**40]), "cannot read"),
        (batch(labels={}), "no array and no list of whole numbers"),
        (batch(labels=[0, 1]), "3 pictures have 2 labels"),
        (pickle.dumps([1, 2]), "should hold a dictionary, but holds a list"),
        (pickle.dumps({"x" * 10**6: 1}), "a CIFAR batch should hold data and labels"),
        (b"\x80\x02}r\xff\xff\xff\x7f.", "remembers more than"),
        (shared_tuples(), "again and again"),
        (b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"abc", "cannot read"),
        (b"I" + b"9" * 100_000 + b"\n.", "cannot read"),
        (b"cnumpy\nndarray\n(I140737488355328\ntR.", "should hold a dictionary"),
        (b"cbuiltins\neval\n.", "asks for builtins.eval"),
        (b"", "cannot read"),
    ],
)
def test_pickles_of_strangers_are_one_line(tmp_path, content, message):
    for name in ("data_batch_1", "test_batch"):
        (tmp_path / name).write_bytes(content)
    if message is None:
        assert len(read_data(tmp_path).train) == 3
    else:
        refused(tmp_path, message)


def test_random_damage_of_a_pickle_is_one_line_or_none(tmp_path):
    (tmp_path / "test_batch").write_bytes(batch())
    for seed in range(150):
        small = batch(data=np.zeros((3, 3072), np.uint8)[:, ::1024])
        (tmp_path / "data_batch_1").write_bytes(random_damage(small, seed))
        assert "\n" not in said(tmp_path)


def test_a_pickle_of_endless_steps_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar_pickle, "MOST_STEPS", 100)
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x02" + b"]" * 200 + b".")
    refused(tmp_path, "more than 100 steps")


def test_a_file_that_unpacks_without_end_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_BYTES", 10_000)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(20_000)))
    refused(tmp_path, "unpacks to more than")


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(bytes(1000), mtime=0)[:-20], b""])
def test_a_packed_file_that_is_damaged_is_one_line(tmp_path, content):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(content)
    refused(tmp_path, "cannot read|does not begin like")


@pytest.mark.parametrize("sizes", [(2**32 - 1,) * 3, (0, 5, 5), (4,) * 255])
def test_an_idx_file_that_says_any_size_is_one_line(tmp_path, sizes):
    header = bytes([0, 0, 8, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes)
    for name in ("images-idx3", "labels-idx1"):
        (tmp_path / f"train-{name}-ubyte").write_bytes(header)
    refused(tmp_path, "do not fit|lacks|has 255 axes")


@pytest.mark.parametrize(
    "settings",
    [
        "steps=100000000", "steps=0", "steps=1.5", "steps=NaN", "steps=" + "9" * 5000,
        "num_train=1000000000000", "num_test=-1", "size=1000000", "size=15",
        "distractors=1000000000", "distractors=-1", "seed=-1", "seed=1e400", "", "other=1",
        "num_train=10000000,size=1024",
    ],
)  # fmt: skip
def test_a_pathfinder_that_cannot_be_is_one_line(settings):
    with pytest.raises(TwospeedError) as caught:
        load_examples(f"pathfinder:{settings}")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
