import gzip
import pickle
import struct

import numpy as np
import pytest
import torch
from PIL import Image

from twospeed.core.errors import DataError, MissingExtraError, UnknownNameError
from twospeed.terminator.datasets.built_in import load_examples
from twospeed.terminator.datasets.examples import examples_from, split_off
from twospeed.terminator.datasets.files import read_data
from twospeed.terminator.datasets.pathfinder import PathfinderConfig, draw_picture, make_pathfinder


@pytest.fixture
def random():
    return np.random.default_rng(0)


def pictures(random, count, *shape):
    return random.integers(0, 256, (count, *shape), dtype=np.uint8)


def idx(values):
    return (
        bytes([0, 0, 8, values.ndim])
        + struct.pack(f">{values.ndim}I", *values.shape)
        + (values.tobytes())
    )


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_files(tmp_path, random, packed):
    images, labels = pictures(random, 6, 5, 4), np.array([0, 1, 2, 0, 1, 2], np.uint8)
    for part in ("train", "t10k"):
        for name, values in ((f"{part}-images-idx3-ubyte", images),
                             (f"{part}-labels-idx1-ubyte", labels)):  # fmt: skip
            content = gzip.compress(idx(values)) if packed else idx(values)
            (tmp_path / (name + ".gz" * packed)).write_bytes(content)
    data = read_data(tmp_path)
    assert np.array_equal(data.train.images[:, 0], images)
    assert data.test.labels.tolist() == labels.tolist()
    assert data.classes == ("0", "1", "2")


@pytest.mark.parametrize("num_labels", [1, 2])
def test_cifar_binary(tmp_path, random, num_labels):
    images = pictures(random, 4, 3072)
    labels = np.array([[9] * (num_labels - 1) + [i] for i in range(4)], np.uint8)
    rows = np.concatenate([labels, images], 1).tobytes()
    names = ["train.bin", "test.bin"] if num_labels == 2 else ["data_batch_1.bin", "test_batch.bin"]
    for name in names:
        (tmp_path / name).write_bytes(rows)
    data = read_data(tmp_path)
    assert np.array_equal(data.train.images.flatten(1), images)
    assert data.test.labels.tolist() == [0, 1, 2, 3]
    assert data.train.images.shape == (4, 3, 32, 32)


@pytest.mark.parametrize("fine", [False, True])
def test_cifar_python(tmp_path, random, fine):
    key = b"fine_labels" if fine else b"labels"
    batch = {b"data": pictures(random, 3, 3072), key: [0, 1, 1], b"filenames": [b"a", b"b", b"c"]}
    for name in ["train", "test"] if fine else ["data_batch_1", "data_batch_2", "test_batch"]:
        (tmp_path / name).write_bytes(pickle.dumps(batch, protocol=2))
    data = read_data(tmp_path)
    assert len(data.train) == (3 if fine else 6)
    assert np.array_equal(data.test.images.flatten(1), batch[b"data"])


class Harmful:
    def __reduce__(self):
        return (print, ("this must not run",))


def test_a_pickle_that_asks_for_code_is_refused(tmp_path, capsys):
    for name in ("data_batch_1", "test_batch"):
        (tmp_path / name).write_bytes(pickle.dumps({b"data": Harmful()}))
    with pytest.raises(DataError, match="print"):
        read_data(tmp_path)
    assert capsys.readouterr().out == ""


def test_stl10_is_read_column_by_column(tmp_path, random):
    images, labels = pictures(random, 2, 3, 96, 96), np.array([1, 10], np.uint8)
    for part in ("train", "test"):
        (tmp_path / f"{part}_X.bin").write_bytes(images.transpose(0, 1, 3, 2).tobytes())
        (tmp_path / f"{part}_y.bin").write_bytes(labels.tobytes())
    data = read_data(tmp_path)
    assert np.array_equal(data.train.images, images)
    assert data.train.labels.tolist() == [0, 9]


@pytest.mark.parametrize("parts", [("train", "test"), ("",)])
def test_folders_of_pictures(tmp_path, random, parts):
    for part in parts:
        for name in ("cat", "dog"):
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            for i, image in enumerate(pictures(random, 5, 4, 6, 3)):
                Image.fromarray(image).save(folder / f"{i}.png")
    data = read_data(tmp_path)
    assert data.classes == ("cat", "dog")
    assert data.train.images.shape[1:] == (3, 4, 6)
    assert len(data.train) + len(data.test) == 10 * len(parts)


def test_npz_with_and_without_parts(tmp_path, random):
    images, labels = pictures(random, 10, 4, 4, 3), np.arange(10) % 2
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    parts = {"x_train": images / 255, "y_train": labels, "x_test": images, "y_test": labels}
    np.savez(tmp_path / "b.npz", **parts)
    assert len(read_data(tmp_path / "a.npz").test) == 2
    data = load_examples(str(tmp_path / "b.npz"))
    assert torch.equal(data.train.images, data.test.images)


def test_what_cannot_be_read_is_said_in_one_line(tmp_path, random):
    with pytest.raises(DataError, match="does not exist"):
        load_examples(str(tmp_path / "none"))
    with pytest.raises(DataError, match="no data set that we know"):
        read_data(tmp_path)
    np.savez(tmp_path / "c.npz", other=np.zeros(2))
    with pytest.raises(DataError, match="it holds other"):
        read_data(tmp_path / "c.npz")
    (tmp_path / "d.txt").write_text("x")
    with pytest.raises(DataError, match=r"ends in \.npz"):
        read_data(tmp_path / "d.txt")
    with pytest.raises(UnknownNameError, match="Did you mean 'digits'"):
        load_examples("digit")
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(pictures(random, 2, 2, 2))[:-1])
    with pytest.raises(DataError, match="holds 7 bytes"):
        read_data(tmp_path)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.full((2, 4, 4), np.nan), np.zeros(2, int), "not finite"),
        (np.full((2, 4, 4), -1.0), np.zeros(2, int), "must be 0 to 255"),
        (np.zeros((2, 4, 4, 2), np.uint8), np.zeros(2, int), "1 or 3 channels"),
        (np.zeros((2, 4, 4)), np.zeros(3, int), "2 pictures have 3 labels"),
        (np.zeros((2, 4, 4)), np.zeros(2), "whole numbers"),
        (np.full((2, 4, 4), "0"), np.zeros(2, int), "must be numbers"),
    ],
)
def test_wrong_arrays_are_refused(images, labels, message):
    with pytest.raises(DataError, match=message):
        examples_from(images, labels)


def test_a_label_out_of_range_is_refused(tmp_path):
    images = np.zeros((4, 4, 4), np.uint8)
    labels = np.array([0, 1, -1, 1])
    parts = {"x_train": images, "y_train": labels, "x_test": images, "y_test": abs(labels)}
    np.savez(tmp_path / "a.npz", **parts)
    with pytest.raises(DataError, match="labels must be 0 to 1, got -1 to 1"):
        read_data(tmp_path / "a.npz")


def test_a_split_takes_the_same_share_of_every_class(generator):
    examples = load_examples("digits").train
    rest, part = split_off(examples, 0.25, generator)
    assert len(rest) + len(part) == len(examples)
    counts = torch.bincount(part.labels) / torch.bincount(examples.labels)
    assert counts.sub(0.25).abs().max() < 0.01


def test_hub_data_needs_its_library_or_a_network():
    with pytest.raises((MissingExtraError, DataError)):
        load_examples("hub:no/such-set-anywhere")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": np.array([0, 9])}, r"labels must be 0 to 1, got 0 to 9 in its test examples"),
        ({"x_test": np.zeros((2, 5, 5), np.uint8)}, r"are \(1, 4, 4\), but test .*1, 5, 5"),
        ({"x_train": np.zeros((0, 4, 4)), "y_train": np.zeros(0, int)}, "no examples"),
        ({"x_train": np.zeros((2, 4, 4), complex)}, "pictures must be numbers, got complex128"),
        ({"y_train": np.array(["a", "b"])}, "labels must be whole numbers, got <U1"),
    ],
)  # fmt: skip
def test_parts_that_do_not_belong_together_are_refused(tmp_path, changes, message):
    parts = {f"x_{part}": np.zeros((2, 4, 4), np.uint8) for part in ("train", "test")}
    parts |= {f"y_{part}": np.array([0, 1]) for part in ("train", "test")}
    np.savez(tmp_path / "set.npz", **{**parts, "names": np.array(["no", "yes"]), **changes})
    with pytest.raises(DataError, match=message):
        load_examples(str(tmp_path / "set.npz"))


def test_pathfinder_is_a_function_of_seed_and_number():
    config = PathfinderConfig(num_train=6, num_test=2)
    first, second = make_pathfinder(config), make_pathfinder(config)
    assert torch.equal(first.train.images, second.train.images)
    assert first.train.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert not torch.equal(first.train.images[:2], first.test.images)


def test_pathfinder_takes_settings_in_its_name():
    data = load_examples("pathfinder:size=16,num_train=3,num_test=2,steps=4,distractors=0")
    assert data.train.images.shape == (3, 1, 16, 16)
    assert len(data.test) == 2
    with pytest.raises(UnknownNameError, match="Did you mean 'steps'"):
        load_examples("pathfinder:step=4")


def test_the_answer_of_pathfinder_is_where_the_dots_are():
    config = PathfinderConfig()
    for seed in range(5):
        apart, joined = (draw_picture(config, joined=j, seed=seed) for j in (False, True))
        changed = apart != joined
        assert 0 < changed.sum() <= 18  # one dot of 3 x 3 moves
        assert {apart.max(), joined.max()} == {255}
