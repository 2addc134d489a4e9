import shutil
import tracemalloc

import av
import numpy as np
import pytest
from PIL import Image

from twospeed.cli.app import main
from twospeed.core.video import read_frame, read_video, write_video


@pytest.fixture
def dream(trained, tmp_path):
    """Return a function that dreams with the tiny model and gives the exit code."""

    def run(*options, actions="turn left*2, go forward", out="x.mkv", frame="rooms:3"):
        return main(
            ["dream", str(trained.folder), "--first-frame", str(frame), "--actions", actions,
             "--out", str(tmp_path / out), "--preset", "paper", *map(str, options)]
        )  # fmt: skip

    return run


def test_a_dream_is_written_as_a_video(dream, tmp_path, capsys):
    assert dream() == 0
    assert "dreamed 3 chunks, 13 frames" in capsys.readouterr().out
    assert read_video(tmp_path / "x.mkv").shape == (13, 16, 16, 3)


def test_the_seed_decides_the_video_and_memory_makes_it_another(dream, tmp_path):
    options = {"a": (), "b": (), "c": ("--seed", 1), "d": ("--memory", "off")}
    videos = {}
    for name, extra in options.items():
        assert dream(*extra, out=f"{name}.mkv") == 0
        videos[name] = read_video(tmp_path / f"{name}.mkv")
    assert np.array_equal(videos["a"], videos["b"])
    assert not np.array_equal(videos["a"], videos["c"])
    assert np.array_equal(videos["a"][:5], videos["d"][:5])


def test_pictures_and_videos_of_any_size_can_begin_a_dream(dream, tmp_path):
    picture = np.zeros((30, 50, 3), np.uint8)
    picture[:, 10:40] = 200
    Image.fromarray(picture).save(tmp_path / "p.png")
    write_video(tmp_path / "v.mp4", np.stack([picture] * 3), frames_per_second=4)
    for name in ("p.png", "v.mp4"):
        assert dream(actions="go forward", out="y.mkv", frame=tmp_path / name) == 0
        first = read_video(tmp_path / "y.mkv")[0]
        assert first.shape == (16, 16, 3)
        assert abs(first.astype(int) - 200).max() < 12  # the middle square


def four_colours():
    """Return a picture whose corners are red, green, blue and white."""
    picture = np.full((48, 48, 3), 255, np.uint8)
    picture[:24, :24], picture[:24, 24:], picture[24:, :24] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return picture


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "avi", "ts", "mpg", "m4v", "webm"])
def test_every_container_that_is_imported_can_begin_a_dream(dream, tmp_path, ending):
    codec = {"webm": "libvpx", "mpg": "mpeg2video", "avi": "mpeg4"}.get(ending, "libx264")
    with av.open(
        str(tmp_path / f"v.{ending}"), "w", format={"m4v": "mp4"}.get(ending)
    ) as container:
        stream = container.add_stream(codec, rate=25)
        stream.height = stream.width = 48
        stream.pix_fmt, stream.bit_rate = "yuv420p", 2_000_000
        for level in (0, 0, 0, 200):
            pixels = np.full((48, 48, 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    assert dream(actions="go forward", frame=tmp_path / f"v.{ending}") == 0
    assert abs(read_video(tmp_path / "x.mkv")[0].astype(int) - 200).max() < 20  # the last frame


def test_a_photograph_stands_upright_and_what_is_unusual_is_said(dream, tmp_path, capsys):
    exif = Image.Exif()
    exif[0x112] = 6
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(four_colours())))
    turned.save(tmp_path / "p.png", exif=exif)
    assert dream(actions="go forward", frame=tmp_path / "p.png") == 0
    first = read_video(tmp_path / "x.mkv")[0]
    assert (first[2, 2] > 128).tolist() == [True, False, False]
    assert (first[2, -3] > 128).tolist() == [False, True, False]
    assert (first[-3, 2] > 128).tolist() == [False, False, True]
    assert capsys.readouterr().err == ""
    ramp = np.tile(np.linspace(0, 65535, 48).astype(np.uint16), (48, 1))
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    assert dream(actions="go forward", out="y.mkv", frame=tmp_path / "deep.png") == 0
    row = read_video(tmp_path / "y.mkv")[0][8, :, 0].astype(int)
    assert (np.diff(row) > 0).all()
    assert capsys.readouterr().err == "deep.png: 16 bits a channel, brought to 8\n"


def test_of_a_long_video_only_the_end_is_decoded(tmp_path):
    frames = np.zeros((600, 240, 320, 3), np.uint8)
    frames[-1] = 200
    write_video(tmp_path / "long.mp4", frames, frames_per_second=10)
    del frames
    tracemalloc.start()
    assert abs(read_frame(tmp_path / "long.mp4").astype(int) - 200).max() < 12
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 600 * 240 * 320 * 3 / 10


def test_a_memory_is_kept_looked_at_forked_merged_compared_and_forgotten(dream, tmp_path, capsys):
    one, two, both = (tmp_path / name for name in ("one", "two", "both"))
    assert dream("--save-memory", one) == 0
    assert main(["memory", "fork", str(one), "--out", str(two)]) == 0
    assert dream("--memory", two, "--save-memory", tmp_path / "three") == 0
    assert main(["memory", "show", str(tmp_path / "three")]) == 0
    assert "6 chunks, rank 32" in capsys.readouterr().out
    assert main(["memory", "merge", str(one), str(two), "--out", str(both)]) == 0
    assert main(["memory", "diff", str(one), str(both)]) == 0
    assert "blocks.0.to_qkv" in capsys.readouterr().out
    assert main(["memory", "forget", str(two)]) == 0
    assert "norm is now 0" in capsys.readouterr().out
    assert main(["memory", "fork", str(one), "--out", str(two)]) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"actions": "turn left, eat the apple"}, (), "'eat the apple' is near no command"),
        ({"actions": "turn left*0"}, (), "cannot read the action"),
        ({"frame": "rooms:x"}, (), "write WORLD:SEED"),
        ({"frame": "doom:x"}, (), "write WORLD:SEED"),
        ({"frame": "rooms:\u00b2"}, (), "write WORLD:SEED"),
        ({"frame": f"rooms:{'9' * 6000}"}, (), "write WORLD:SEED"),
        ({"frame": "nothing.png"}, (), "cannot read nothing.png as a picture"),
        ({"frame": "nothing.mp4"}, (), "cannot read nothing.mp4 as a video"),
        ({"out": "x.gif"}, (), "ends in .mp4 or .mkv"),
        ({}, ("--memory", "nothing"), "cannot read a memory from nothing"),
        ({}, ("--memory", "off", "--save-memory", "m"), "needs a memory"),
        ({}, ("--preset", "papre"), "Did you mean 'paper'"),
        ({}, ("--size", "32"), "frames are of 16x16 pixels, got 32x32"),
        ({}, ("--size", "16x"), "WIDTHxHEIGHT, such as 832x480, got '16x'"),
    ],
)
def test_a_mistake_is_one_line(dream, tmp_path, capsys, changes, options, message):
    assert dream(*options, **changes) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_truncated_model_is_one_line(trained, tmp_path, capsys):
    shutil.copytree(trained.folder, tmp_path / "m")
    path = next((tmp_path / "m" / "denoiser").glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:1000])
    arguments = ["--first-frame", "rooms:1", "--actions", "go", "--out", str(tmp_path / "x.mp4")]
    assert main(["dream", str(tmp_path / "m"), *arguments]) == 2
    error = capsys.readouterr().err
    assert "cannot read the denoiser" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.mp4", b"", "cannot read {} as a video: it is empty"),
        ("x.mp4", b"only a text\n" * 99, "cannot read {} as a video: "),
        ("x.mp4", b"#EXTM3U\n#EXTINF:1,\nfile:///v.ts\n", "cannot read {} as a video: "),
        ("x.mp4", b"ffconcat version 1.0\nfile v.ts\n", "cannot read {} as a video: "),
        ("x.png", b"", "cannot read {} as a picture: it is empty"),
        ("x.png", b"<html>404</html>", "cannot read {} as a picture: it is none that we know"),
    ],
)  # fmt: skip
def test_what_is_no_picture_and_no_video_is_one_line(
    dream, tmp_path, capsys, name, content, reason
):
    (tmp_path / name).write_bytes(content)
    assert dream(frame=tmp_path / name) == 2
    error = capsys.readouterr().err
    assert reason.format(tmp_path / name) in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_sheet_shows_the_dream_with_memory_and_without(trained, tmp_path, capsys):
    told = ["--first-frame=rooms:1", "--actions=turn left*2, turn right", "--seed=3"]
    out, sheet = tmp_path / "x.mp4", tmp_path / "sheet.png"
    model = str(trained.folder)
    assert main(["dream", model, *told, f"--out={out}", f"--sheet={sheet}"]) == 0
    assert read_frame(sheet).shape == (2 * 22 + 2 * (2 * 16 + 4), 118 + 4 * (2 * 16 + 4), 3)
    assert main(["dream", model, *told, f"--out={out}", f"--sheet={sheet}", "--memory=off"]) == 2
    assert "leave --memory off away" in capsys.readouterr().err
