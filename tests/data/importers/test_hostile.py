"""Files of strangers: whatever their bytes, an import ends in episodes or in one line a file."""

import json
import os
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from twospeed.cli.app import main
from twospeed.core.errors import ConfigError, DataError
from twospeed.data.importers.account import Account
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.logs.stored import open_arrays
from twospeed.data.importers.run import import_recordings
from twospeed.data.index import read_episodes

h5py = pytest.importorskip("h5py")
pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

FRAMES = np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3), np.uint8)


def npy(shape, descr="|u1", content=b""):
    """Return an array on disk whose header promises any shape and type."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + content


def write_npz(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def bring(source, format_="gymnasium"):
    """Import what lies beside a good log of one episode: (scenes, lines)."""
    said = []
    config = ImportConfig(format=format_, name="x", frame_size=16)
    done = import_recordings(config, source, source.parent / "out", say=said.append)
    episodes = list(read_episodes(source.parent / "out", on_damage=pytest.fail))
    assert all("\n" not in line and len(line) <= 500 for line in said)
    return [it.scene for it in episodes], done.lines


@pytest.fixture
def source(tmp_path):
    (tmp_path / "src").mkdir()
    np.savez(tmp_path / "src" / "good.npz", frames=FRAMES, actions=np.array(["go"] * 8))
    return tmp_path / "src"


NPZ = {
    "128 TiB": (npy("(140737488355328,)"), "should be uint8 (140737488355328,), but only"),
    "more than there": (npy("(9, 16, 16, 3)", content=b"x" * 100), "but only"),
    "below 0": (npy("(-1, 16, 16, 3)"), "an array cannot have the shape (-1, 16, 16, 3)"),
    "half a row": (npy("(1.5, 16, 16, 3)"), "shape is not valid"),
    "endless number": (npy("(" + "9" * 5000 + ",)"), "cannot be read (Cannot parse header"),
    "nested": (b"\x93NUMPY\x01\x00\x60\xea" + b"(" * 60_000, "may not be safe to load"),
    "objects": (npy("(9,)", "|O", b"cos\nsystem\n(S'true'\ntR."), "holds objects instead of"),
    "no array": (b"", "cannot be read ("),
    "no type": (npy("(9,)", "nonsense"), "cannot be read ("),
}


@pytest.mark.parametrize(("content", "reason"), NPZ.values(), ids=NPZ)
def test_an_archive_that_promises_what_cannot_be_is_one_line(source, content, reason):
    write_npz(source / "bad.npz", frames=content, actions=npy("(8,)", "<i8", bytes(64)))
    scenes, lines = bring(source)
    assert scenes == ["good.npz"]
    assert len(lines) == 1
    assert lines[0].startswith("bad.npz: cannot be read (")
    assert reason in lines[0]


def test_actions_that_unpack_to_gigabytes_are_refused_before(source, monkeypatch):
    monkeypatch.setattr("twospeed.data.importers.logs.stored.MOST_BYTES", 2**20)
    with zipfile.ZipFile(source / "bad.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("frames.npy", npy("(9, 16, 16, 3)", content=FRAMES.tobytes()))
        with archive.open("actions.npy", "w", force_zip64=True) as file:
            file.write(npy("(2000000,)", content=bytes(2_000_000)))
    scenes, lines = bring(source)
    assert scenes == ["good.npz"]
    assert lines[0].startswith("bad.npz: uint8 (2000000,) are 2,000,000 bytes: more than ")


def circle(file):
    file["episode_0/actions"] = np.zeros(8, int)
    file["episode_0/around"] = file["/"]
    file["episode_0/there"] = h5py.SoftLink("/episode_0")
    file["episode_1"] = h5py.ExternalLink("/etc/hostname", "/")


def deep(file):
    group = file
    for _ in range(100):
        group = group.create_group("g")


def huge(file):
    file.create_dataset("frames", (2**40, 64, 64, 3), "u1", chunks=(1, 64, 64, 3))
    file.create_dataset("actions", (2**40,), "i8", chunks=(1024,))


def wide(file):
    file.create_dataset("frames", (9, 2**30, 2**30, 3), "u1", chunks=(1, 64, 64, 3))
    file["actions"] = np.zeros(8, int)


def no_group(file):
    file["episode_0"] = np.zeros(3)


def references(file):
    file["frames"] = FRAMES
    file.create_dataset("actions", (8,), h5py.ref_dtype)


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (circle, "bad.hdf5 episode_0: there are no pictures"),
        (deep, "bad.hdf5: cannot be read (it is nested deeper than 64 groups)"),
        (huge, "bad.hdf5: int64 (1099511627776,) are 8,796,093,022,208 bytes: more"),
        (wide, "bad.hdf5: there are no pictures"),
        (no_group, "bad.hdf5: there are no pictures"),
        (references, "bad.hdf5: the action of step 0 is no text"),
    ],
)
def test_a_tree_of_arrays_that_has_no_end_is_one_line(source, write, reason):
    with h5py.File(source / "bad.hdf5", "w") as file:
        write(file)
    scenes, lines = bring(source)
    assert scenes == ["good.npz"]
    assert len(lines) == 1
    assert lines[0].startswith(reason)


NAMES = [
    "[1]", "{",
    '{"0": 1}', '{"0": ["a"]}', '{"axes": 3}', '{"axes": [["a"]]}', '{"axes": [[1, 2]]}',
    '{"axes": [["a", "b"]], "full": ["x"]}', '{"axes": [["a", "b"]], "full": [0]}',
    '{"axes": [["a", "b"]], "full": [NaN]}', '{"axes": [["a", "b"]], "full": [1, 2]}', "[" * 10_000,
    '{"0": ' + "9" * 6000 + "}", '{"0": "\\ud800"}', "\xff",
]  # fmt: skip


@pytest.mark.parametrize("text", NAMES)
def test_names_of_actions_of_any_shape_are_one_line(source, text):
    (source / "below").mkdir()
    (source / "below" / "actions.json").write_text(text, encoding="latin-1")
    np.savez(source / "below" / "log.npz", frames=FRAMES, actions=np.zeros((8, 1)))
    scenes, lines = bring(source)
    assert scenes == ["good.npz"]
    assert len(lines) == 1
    assert lines[0].startswith("below/log.npz: cannot be read (")


def spoiled(content, seed):
    """Return bytes of which a few, drawn by a seed, are others; half of them near the start."""
    generator = np.random.default_rng(seed)
    array = np.frombuffer(content, np.uint8).copy()
    within = len(array) if seed % 2 else min(len(array), 2000)
    places = generator.integers(0, within, generator.integers(1, 20))
    array[places] = generator.integers(0, 256, len(places))
    return array.tobytes()


def log_npz(path):
    np.savez(path, frames=FRAMES, actions=np.array(["go"] * 8), fps=4.0)


def log_packed(path):
    np.savez_compressed(path, frames=FRAMES, actions=np.array(["go"] * 8), fps=4.0)


def log_hdf5(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("episode_0/observations/image", data=FRAMES, compression="gzip")
        file["episode_0/actions"] = np.zeros(8, int)


@pytest.mark.parametrize("first_seed", range(0, 60, 20))
@pytest.mark.parametrize(
    ("write", "name"), [(log_npz, "a.npz"), (log_packed, "a.npz"), (log_hdf5, "a.hdf5")]
)
def test_bytes_that_are_others_end_in_arrays_or_in_one_error(tmp_path, write, name, first_seed):
    write(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    for seed in range(first_seed, first_seed + 20):
        (tmp_path / name).write_bytes(spoiled(whole, seed))
        with suppress(DataError), open_arrays(tmp_path / name) as arrays:
            for array in arrays.values():
                if array.shape and array.shape[0] < 100:
                    list(array.rows(range(array.shape[0])))
                array.whole()


@pytest.mark.parametrize("part", ["tasks.parquet", "episodes/chunk-000/file-000.parquet"])
def test_notes_in_parquet_whose_bytes_are_others_end_in_one_error(tmp_path, part):
    root = tmp_path / "set"
    info = {"codebase_version": "v3.0", "fps": 10, "features": {"top": {"dtype": "video"}}}
    tables = {
        "tasks.parquet": {"task_index": [0, 1], "task": ["a", "b"]},
        "episodes/chunk-000/file-000.parquet": {"episode_index": [0], "length": [20]},
    }
    for name, columns in tables.items():
        (root / "meta" / name).parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pyarrow.table(columns), root / "meta" / name)
    (root / "meta" / "info.json").write_text(json.dumps(info))
    whole = (root / "meta" / part).read_bytes()
    for seed in range(40):
        (root / "meta" / part).write_bytes(spoiled(whole, seed))
        with pytest.raises(DataError) as caught:
            bring(root, "lerobot")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "v,0,2," + "x" * 200_000,
        'v,0,2,"' + "x" * 200_000 + '"',
        'v,0,2,"walk\n' * 1000,
        "v,0,1e300,walk",
        "v,0," + "9" * 6000 + ",walk",
        "x" * 5000 + ",0,2,walk",
        "v\0.mp4,0,2,walk",
        "\0" * 1000,
        "\x1b[31mred,0,2,walk",
        "\ud800,0,2,walk",
    ],
)
def test_rows_of_any_content_are_a_few_lines(tmp_path, clip, bright, text):
    source = tmp_path / "src"
    clip(source / "v.mp4", bright(3))
    content = f"video,start,end,action\n{text}\nv,2,3,walk\n"
    (source / "labels.csv").write_bytes(content.encode("utf-8", "surrogatepass"))
    scenes, lines = bring(source, "videos")
    assert scenes == ["v"]
    assert lines


def test_files_of_any_name_and_kind_are_passed_over(tmp_path, clip, bright):
    source = tmp_path / "src"
    clip(source / "v.mp4", bright(3))
    rows = "video,start,end,action\nv,0,2,walk\n"
    for name in (b"labels.csv", b"\xff\xfe.csv", b"\x1b[31m.csv"):
        with open(os.fsencode(source) + b"/" + name, "w") as file:  # noqa: PTH123
            file.write(rows)
    (source / "folder.csv").mkdir()
    os.mkfifo(source / "pipe.csv")
    (source / "nowhere.csv").symlink_to("nothing")
    (source / "around").symlink_to(".")
    scenes, lines = bring(source, "videos")
    assert scenes == ["v"]
    assert lines[0] == "??.csv: its name is no UTF-8; skipped"
    assert all(line.isprintable() for line in lines)


def test_a_remark_is_one_line_of_bounded_length():
    account = Account()
    account("a\nb\x1b[0m\ud800" + "x" * 10_000)
    assert account.lines[0].startswith("a?b?[0m?xxx")
    assert len(account.lines[0]) == 500


@pytest.mark.parametrize(
    "settings",
    [
        {"frame_size": 100_000},
        {"frame_size": "64"},
        {"frames_per_second": float("nan")},
        {"frames_per_second": float("inf")},
        {"frames_per_second": 1e9},
        {"chunk_frames": 10**9},
        {"episodes_per_shard": 0},
        {"first_seed": 10**30},
        {"name": "x" * 300},
        {"name": None},
        {"camera": 3},
    ],
)
def test_settings_that_cannot_be_are_refused_before_any_work(settings):
    with pytest.raises(ConfigError):
        ImportConfig(**{"format": "videos", "name": "x"} | settings)


def test_the_command_refuses_them_in_one_line(source, tmp_path, capsys):
    command = ["import", "gymnasium", str(source), "--out", str(tmp_path / "out")]
    assert main([*command, "--size", "100000"]) == 2
    assert main([*command, "--fps", "nan"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert all(line.startswith("twospeed: ") for line in errors)
