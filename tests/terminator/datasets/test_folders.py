"""Folders of pictures as people have them: everything is read, or is said, or is refused."""

import numpy as np
import pytest
from PIL import Image

from twospeed.cli.app import main
from twospeed.core.errors import DataError
from twospeed.core.pictures import show_upright
from twospeed.terminator.datasets.files import read_data
from twospeed.terminator.datasets.folders import channels_of, stack_pictures

NAMES = ("blue dog", "red cat")


def picture(label, random, side=8):
    pixels = random.integers(0, 90, (side, side, 3)).astype(np.uint8)
    pixels[..., 0 if label else 2] += 130
    return Image.fromarray(pixels)


@pytest.fixture
def pets(tmp_path):
    """Return a function that writes folders of classes and gives the folder above them."""
    random = np.random.default_rng(0)

    def write(part="", *, count=10, names=NAMES, ending="png", mode="RGB"):
        for label, name in enumerate(names):
            folder = tmp_path / "pets" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                picture(label, random).convert(mode).save(folder / f"{number:02d}.{ending}")
        return tmp_path / "pets"

    return write


def rename(folder, ending, count=10):
    for path in sorted(folder.iterdir())[:count]:
        path.rename(path.with_suffix(ending))


def counts_of(data):
    whole = [*data.train.labels.tolist(), *data.test.labels.tolist()]
    return [whole.count(label) for label in range(len(data.classes))]


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "webp", "tif", "gif", "avif"])
def test_every_kind_of_picture_is_read(pets, ending):
    data = read_data(pets(ending=ending))
    assert (data.classes, counts_of(data), data.notes) == (NAMES, [10, 10], ())
    red, blue = data.train.images[:, 0].float(), data.train.images[:, 2].float()
    assert ((red.mean((1, 2)) > blue.mean((1, 2))).long() == data.train.labels).all()


def to_tiff(folder):
    for path in (folder / "blue dog").iterdir():
        Image.open(path).save(path.with_suffix(".tif"))
        path.unlink()


def to_jfif(folder):
    for path in (folder / "blue dog").iterdir():
        Image.open(path).save(path.with_suffix(".jpg"))
        path.with_suffix(".jpg").rename(path.with_suffix(".jfif"))
        path.unlink()


def nest(folder):
    (folder / "blue dog" / "session 1").mkdir()
    for path in (folder / "blue dog").glob("*.png"):
        path.rename(path.parent / "session 1" / path.name)


def shout(folder):
    rename(folder / "red cat", ".PNG")


def add_grey(folder):
    Image.open(folder / "red cat" / "03.png").convert("L").save(folder / "red cat" / "03.png")


@pytest.mark.parametrize("change", [to_tiff, to_jfif, nest, shout, add_grey])
def test_classes_that_are_kept_another_way_are_read_whole(pets, change):
    folder = pets()
    change(folder)
    data = read_data(folder)
    assert (data.classes, counts_of(data), data.notes) == (NAMES, [10, 10], ())
    assert data.train.images.shape[1:] == (3, 8, 8)


def add_hidden(folder):
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / "red cat" / ".ipynb_checkpoints").mkdir()
    (folder / "red cat" / ".ipynb_checkpoints" / "00.png").write_bytes(b"x")
    (folder / "red cat" / "._00.png").write_bytes(b"\0\5\x16\7Mac OS X")
    return [f"{folder}: left out by their names: 2 hidden"]


def add_strangers(folder):
    for name in ("a.heic", "b.heic", "list.txt", "README"):
        (folder / "red cat" / name).write_text("x")
    return [f"{folder}: left out by their names: 2 .heic, 1 .txt, 1 without ending"]


def add_loose(folder):
    picture(0, np.random.default_rng(1)).save(folder / "loose.png")
    return [f"{folder}: 1 picture left out that lie in no folder of a class"]


def add_empty(folder):
    (folder / "green frog").mkdir()
    return [f"{folder}: no picture can be read in 'green frog', which is left out"]


def add_broken(folder):
    (folder / "red cat" / "x.png").write_bytes(b"")
    (folder / "red cat" / "y.png").write_text("<html>404</html>")
    path = folder / "red cat" / "x.png"
    return [f"2 pictures left out, the first: cannot read {path} as a picture: it is empty"]


@pytest.mark.parametrize("add", [add_hidden, add_strangers, add_loose, add_empty, add_broken])
def test_what_is_not_read_is_one_line_a_kind(pets, add):
    folder = pets()
    lines = add(folder)
    data = read_data(folder)
    assert (data.classes, counts_of(data), list(data.notes)) == (NAMES, [10, 10], lines)


def test_sixteen_bits_keep_their_brightness(tmp_path):
    random = np.random.default_rng(0)
    for name, level in (("bright", 50_000), ("dark", 20_000)):
        (tmp_path / name).mkdir()
        for number in range(5):
            values = (level + random.integers(-2000, 2000, (8, 8))).astype(np.uint16)
            Image.fromarray(values).save(tmp_path / name / f"{number}.png")
    data = read_data(tmp_path)
    assert data.train.images.shape[1:] == (1, 8, 8)
    levels = [data.train.images[data.train.labels == label].float().mean() for label in (0, 1)]
    assert levels == pytest.approx([50_000 / 257, 20_000 / 257], abs=3)
    assert data.notes == (f"{tmp_path}: 10 pictures: 16 bits a channel, brought to 8",)


def test_photographs_are_upright(tmp_path):
    exif = Image.Exif()
    exif[0x112] = 6
    for name, column in (("left", 0), ("right", 8)):
        (tmp_path / name).mkdir()
        for number in range(6):
            pixels = np.zeros((16, 16, 3), np.uint8)
            pixels[:, column : column + 8] = 220
            shown = Image.fromarray(np.ascontiguousarray(np.rot90(pixels, number % 2)))
            options = {"exif": exif} if number % 2 else {}
            shown.save(tmp_path / name / f"{number}.jpg", quality=95, **options)
    data = read_data(tmp_path)
    half = data.train.images[:, 0, :, :8].float().mean((1, 2))
    assert ((half < 110).long() == data.train.labels).all()


@pytest.mark.parametrize("test", ["test", "val", "validation", "valid"])
def test_a_test_part_may_have_any_of_its_names(pets, test):
    pets("train")
    data = read_data(pets(test, count=3))
    assert [len(data.train), len(data.test)] == [20, 6]
    assert data.notes == ()


def test_a_train_part_alone_is_split(pets):
    data = read_data(pets("train"))
    assert (data.classes, len(data.train), len(data.test)) == (NAMES, 16, 4)


def test_a_class_may_be_called_train(pets):
    data = read_data(pets(names=("bus", "train")))
    assert data.classes == ("bus", "train")


def test_parts_that_are_not_read_are_named(pets):
    for part in ("train", "test", "val", "unlabelled"):
        folder = pets(part)
    assert read_data(folder).notes == (
        f"{folder}: not read, beside test and train: unlabelled, val",
    )


def test_a_class_without_test_pictures_is_named(pets):
    pets("train")
    assert read_data(pets("test", names=NAMES[:1])).notes == ("pets: no test picture of red cat",)


def test_a_class_of_the_test_part_alone_is_refused(pets):
    pets("train")
    folder = pets("test", names=(*NAMES, "green frog"))
    with pytest.raises(DataError, match=r"has the class 'green frog', which .*train lacks"):
        read_data(folder)


def test_one_class_is_refused_in_every_format(pets, tmp_path):
    with pytest.raises(DataError, match="pets has one class, 'red cat'"):
        read_data(pets(names=("red cat",)))
    np.savez(tmp_path / "one.npz", images=np.zeros((20, 4, 4), np.uint8), labels=np.ones(20, int))
    with pytest.raises(DataError, match="one has one class, '1'"):
        read_data(tmp_path / "one.npz")


def test_a_folder_above_the_right_one_is_refused(pets):
    with pytest.raises(DataError, match="has one class, 'pets'"):
        read_data(pets().parent)


def test_sizes_that_differ_are_refused_with_the_names_of_two(pets):
    folder = pets()
    picture(1, np.random.default_rng(0), side=9).save(folder / "red cat" / "big.png")
    with pytest.raises(DataError, match=r"got 8x8 \(blue dog/00.png\) and 9x9 \(red cat/big.png\)"):
        read_data(folder)


def test_the_command_says_what_was_left_out(pets, tmp_path, capsys):
    folder = pets()
    lines = add_strangers(folder)
    command = ["fit", "tiny", "--data", str(folder), "--out", str(tmp_path / "fit")]
    assert main([*command, "--set", "epochs=1"]) == 0
    assert lines[0] in capsys.readouterr().err


def test_pictures_of_other_sources_are_read_by_the_same_rules():
    palette = picture(0, np.random.default_rng(0)).convert("P")
    shown = {"a": show_upright(palette), "b": show_upright(palette.convert("L"))}
    assert channels_of(shown.values()) == 3
    assert stack_pictures(shown, channels=3).shape == (2, 8, 8, 3)
