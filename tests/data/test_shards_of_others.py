"""Shards and indexes that we did not write: what they hold is checked, and one line when wrong."""

import io
import json
import tarfile

import pytest

from twospeed.cli.app import main
from twospeed.core.errors import DataError
from twospeed.core.files import read_json, sha256_of, write_json
from twospeed.data.index import read_episodes, read_index, write_index
from twospeed.data.lossless import pack_frames, unpack_frames
from twospeed.data.shards import notes_of, read_notes, read_shard, write_shard
from twospeed.data.streaming import stream_episodes


def tar_of(path, *members):
    """Write a tar of (header, content) pairs."""
    with tarfile.open(path, "w") as tar:
        for header, content in members:
            tar.addfile(header, None if content is None else io.BytesIO(content))


def header(name, *, size=0, kind=tarfile.REGTYPE, **values):
    it = tarfile.TarInfo(name)
    it.size, it.type = size, kind
    for field, value in values.items():
        setattr(it, field, value)
    return it


@pytest.fixture
def write(tmp_path, make_episode):
    """Return a function that writes a shard of one episode with changed notes."""
    episode = make_episode(7)

    def shard(notes=None, *, content=None):
        values = json.loads(notes_of(episode).to_bytes()) | (notes or {})
        text = json.dumps(values).encode() if content is None else content
        video = pack_frames(episode.frames, frames_per_second=4)
        tar_of(
            tmp_path / "a.tar",
            (header("x.mkv", size=len(video)), video),
            (header("x.json", size=len(text)), text),
        )
        return tmp_path / "a.tar"

    return shard


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ({"frames_per_second": "4"}, "frames_per_second takes a number, got '4'"),
        ({"frames_per_second": float("nan")}, "must be a finite number"),
        ({"frames_per_second": float("inf")}, "must be a finite number"),
        ({"frames_per_second": 0}, "must be above 0"),
        ({"actions": 5}, "actions takes a list of texts, got 5"),
        ({"actions": [1, 2, 3]}, "actions takes a text, got 1"),
        ({"actions": "abc"}, "actions takes a list"),
        ({"actions": ["x"]}, "1 actions of 4 frames after a first frame make 5 frames, got 13"),
        ({"world": 5}, "world takes a text"),
        ({"world": None}, "world takes a text"),
        ({"seed": "7"}, "seed takes a whole number"),
        ({"seed": 10**30}, "seed must be a number of at most 64 bits"),
        ({"num_frames": "13"}, "num_frames takes a whole number"),
        ({"num_frames": 10**12}, "num_frames must be 1,000,000,000 or less"),
        ({"chunk_frames": 0}, "chunk_frames must be 1 or more"),
        ({"poses": "junk"}, "poses takes a list"),
        ({"poses": [["a", "b", "c"]] * 13}, "poses takes a number, got 'a'"),
        ({"poses": [[1, 2]] * 13}, "poses takes a list"),
        ({"poses": [[1, 2, float("nan")]] * 13}, "poses must be a finite number"),
        ({"poses": [[1, 2, 1e300]] * 13}, "poses must be 1,000,000,000"),
        ({"poses": [[1, 2, 3]]}, "13 frames, but poses of 1"),
        ({"objects": 3}, "objects takes a list"),
        ({"objects": [{"a": "b"}] * 13}, "objects.a takes a list"),
        ({"objects": [{"a": ["b"]}] * 13}, "objects.a takes a number"),
        ({"objects": [{}]}, "13 frames, but objects of 1"),
        ({"scene": 5}, "scene takes a text or null"),
        ({"more": 1}, "no setting in Notes is called 'more'"),
    ],
)
def test_notes_of_other_types_and_ranges_are_one_line(write, notes, message, capsys):
    path = write(notes)
    for read in (read_notes, read_shard):
        with pytest.raises(DataError, match=message):
            list(read(path))
    with pytest.raises(DataError, match=r"a\.tar"):
        write_index(path.parent)
    index_of(path)
    assert main(["data", "show", str(path.parent)]) == 2
    assert "none of its 1 shards can be read" in capsys.readouterr().err


def index_of(path):
    """Write an index that takes a shard as it is."""
    entry = {
        "name": path.name,
        "sha256": sha256_of(path),
        "num_bytes": path.stat().st_size,
        "num_frames": 13,
        "seeds": [7],
    }
    write_json(
        path.parent / "index.json",
        {"format": "twospeed-episodes", "version": 1, "shards": [entry]},
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"5",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"seed": %s}' % (b"9" * 6000),
        b'{"seed": 7}',
    ],
)
def test_notes_that_are_no_notes_are_one_line(write, content):
    with pytest.raises(DataError) as caught:
        list(read_notes(write(content=content)))
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE],
)
@pytest.mark.parametrize("target", ["x.json", "nothing", "/etc/passwd", "../../a"])
def test_a_member_that_is_no_plain_file_is_one_line(tmp_path, kind, target):
    tar_of(tmp_path / "a.tar", (header("x.json", kind=kind, linkname=target), None))
    with pytest.raises(DataError, match="a link, a device or sparse"):
        list(read_notes(tmp_path / "a.tar"))


def test_a_sparse_member_allocates_nothing(tmp_path):
    twelve_gigabytes = str(12 * 10**9)
    sparse = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "x.json",
        "GNU.sparse.realsize": twelve_gigabytes,
    }
    block = f"1\n0\n0\n{twelve_gigabytes}\n".encode().ljust(512, b"\0")
    tar_of(tmp_path / "a.tar", (header("y", size=512, pax_headers=sparse), block))
    with pytest.raises(DataError, match="a link, a device or sparse"):
        list(read_notes(tmp_path / "a.tar"))


def test_a_member_larger_than_the_file_allocates_nothing(tmp_path):
    (tmp_path / "a.tar").write_bytes(header("x.mkv", size=8 * 10**9).tobuf() + b"\0" * 2048)
    with pytest.raises(DataError, match="damaged"):
        list(read_shard(tmp_path / "a.tar"))


@pytest.mark.parametrize("size", ["-1", "x", "9" * 50])
def test_headers_out_of_bounds_are_one_line(tmp_path, size):
    pax = {"GNU.sparse.map": size, "GNU.sparse.size": size, "size": size}
    tar_of(tmp_path / "a.tar", (header("x.json", size=2, pax_headers=pax), b"{}"))
    with pytest.raises(DataError):
        list(read_notes(tmp_path / "a.tar"))


def test_headers_of_headers_without_end_are_one_line(tmp_path):
    name = header("././@LongLink", size=4, kind=tarfile.GNUTYPE_LONGNAME)
    (tmp_path / "a.tar").write_bytes((name.tobuf() + b"abc\0".ljust(512, b"\0")) * 3000)
    with pytest.raises(DataError, match="damaged"):
        list(read_notes(tmp_path / "a.tar"))


def test_a_name_that_leads_elsewhere_is_only_a_name(tmp_path, make_episode):
    folder = tmp_path / "deep" / "folder"
    folder.mkdir(parents=True)
    write_shard(folder / "plain.tar", [make_episode(7)])
    with tarfile.open(folder / "plain.tar") as tar:
        contents = [tar.extractfile(member).read() for member in tar]
    members = (
        (header(f"../../escaped{ending}", size=len(it)), it)
        for ending, it in zip((".mkv", ".json"), contents, strict=True)
    )
    tar_of(folder / "a.tar", *members)
    assert [episode.seed for episode in read_shard(folder / "a.tar")] == [7]
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]


@pytest.mark.parametrize("name", ["../a.tar", "/etc/a.tar", "", ".", "b/a.tar", "a.txt"])
def test_a_shard_outside_the_folder_of_its_index_is_refused(tmp_path, make_episode, name):
    write_shard(tmp_path / "a.tar", [make_episode(7)])
    write_index(tmp_path)
    values = read_json(tmp_path / "index.json")
    values["shards"][0]["name"] = name
    write_json(tmp_path / "index.json", values)
    for read in (read_index, read_episodes, lambda place: stream_episodes(f"file://{place}")):
        with pytest.raises(DataError, match=r"a shard is a \.tar in the folder of its index"):
            list(read(tmp_path))


@pytest.mark.parametrize(
    "entry",
    [5, {}, {"num_bytes": "5"}, {"num_bytes": -5}, {"seeds": 7}, {"seeds": ["7"]}, {"more": 1}],
)
def test_an_index_of_other_types_is_one_line(tmp_path, make_episode, entry):
    write_shard(tmp_path / "a.tar", [make_episode(7)])
    write_index(tmp_path)
    values = read_json(tmp_path / "index.json")
    values["shards"] = [values["shards"][0] | entry if entry else entry] if entry != 5 else [5]
    write_json(tmp_path / "index.json", values)
    with pytest.raises(DataError, match=r"index\.json is damaged"):
        read_index(tmp_path)


def test_a_video_of_another_kind_is_not_opened(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{tmp_path / 'secret.txt'}\n"
    for content in (playlist.encode(), b"ffconcat version 1.0\nfile secret.txt\n"):
        with pytest.raises(DataError, match="cannot be read"):
            unpack_frames(content)


@pytest.mark.parametrize("text", ["$\\frac{$", "[/red]", "a\x1b[31mb", "\u65e5\u672c", "x" * 5000])
def test_any_text_can_be_drawn(write, tmp_path, text, capsys):
    index_of(write({"actions": [text] * 3, "world": text, "scene": text}))
    assert main(["data", "show", str(tmp_path), "--out", str(tmp_path / "page")]) == 0
    assert capsys.readouterr().out
