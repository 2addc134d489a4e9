"""Videos whose damage, clocks and headers an import has to see through."""

from fractions import Fraction

import av
import numpy as np
import pytest

from twospeed.core.pictures import Size
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.run import import_recordings
from twospeed.data.index import read_episodes


@pytest.fixture
def bring(tmp_path):
    """Return a function that imports rows (video, start, end, action): (episodes, lines)."""

    def run(*rows):
        src = tmp_path / "src"
        text = "".join(f"{row}\n" for row in ("video,start,end,action", *rows))
        (src / "labels.csv").write_text(text)
        config = ImportConfig(format="videos", name="mine", frame_size=16)
        done = import_recordings(config, src, tmp_path / "out")
        return list(read_episodes(tmp_path / "out", on_damage=pytest.fail)), done.lines

    return run


@pytest.fixture
def src(tmp_path):
    (tmp_path / "src").mkdir()
    return tmp_path / "src"


def write_far_keys(path, frames, *, rate=20, keys=100, **header):
    """Write a video with a key frame every `keys` frames."""
    options = {"crf": "8", "g": str(keys), "sc_threshold": "0", "threads": "1"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for name, value in header.items():
            setattr(stream.codec_context, name, value)
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def noisy(frames):
    """Add noise that moves, so that damage hits something."""
    noise = np.random.default_rng(0).integers(0, 41, frames.shape[1:], np.uint8)
    moved = [np.roll(noise, 3 * number, axis=1) for number in range(len(frames))]
    return np.clip(frames.astype(int) + np.stack(moved) - 20, 0, 255).astype(np.uint8)


def spoil(path, share):
    """Overwrite 2,000 bytes in the middle of a file."""
    content = bytearray(path.read_bytes())
    place = int(len(content) * share)
    content[place : place + 2000] = np.random.default_rng(1).bytes(2000)
    path.write_bytes(content)


@pytest.mark.parametrize("ending", ["ts", "mp4"])
def test_a_late_segment_between_far_key_frames_has_its_own_frames(
    src, bring, bright, seconds_of, ending
):
    frames = bright(12, rate=20).repeat(5, axis=0)  # a minute, five times slower
    write_far_keys(src / f"cam.{ending}", frames, keys=250)
    episodes, lines = bring(f"cam.{ending},33,35,late", f"cam.{ending},47,49,later")
    assert not lines
    for episode, start in zip(episodes, (33, 47), strict=True):
        wanted = start + np.arange(9) / 4
        assert seconds_of(episode.frames) * 5 == pytest.approx(wanted, abs=0.5)


@pytest.mark.parametrize("ending", ["ts", "mp4"])
def test_damage_costs_the_take_that_it_lies_in_and_no_other(src, bring, bright, seconds_of, ending):
    write_far_keys(src / f"hurt.{ending}", noisy(bright(12, width=96, height=96)), keys=40)
    spoil(src / f"hurt.{ending}", 0.55)
    rows = (f"hurt.{ending},0,3,a", f"hurt.{ending},4,8,b", f"hurt.{ending},9,11.5,c")
    episodes, lines = bring(*rows)
    assert [episode.actions[0] for episode in episodes] == ["a", "b", "c"]
    assert len(episodes[1].actions) < 4
    for episode, start in zip(episodes, (0, 4, 9), strict=True):
        wanted = start + np.arange(len(episode.frames)) / 4
        assert seconds_of(episode.frames) == pytest.approx(wanted, abs=0.4)
    (line,) = lines
    assert line.startswith(f"labels.csv row 3: hurt.{ending} has no whole picture at ")
    assert line.endswith(f"; {len(episodes[1].actions)} of 4 chunks are imported")


def test_a_disc_is_round_whatever_the_shape_of_the_pixels(src, bring):
    for name, (width, height), aspect in (
        ("hdv", (144, 108), Fraction(4, 3)),
        ("pal", (144, 116), Fraction(64, 45)),
        ("square", (192, 108), Fraction(1)),
    ):
        y, x = np.mgrid[:height, :width]
        disc = np.hypot((x - width / 2) * float(aspect), y - height / 2) < 0.3 * height
        frames = np.where(disc[None, ..., None], 255, 0).astype(np.uint8).repeat(3, 3)
        frames = frames.repeat(25, 0)
        write_far_keys(src / f"{name}.mp4", frames, rate=10, sample_aspect_ratio=aspect)
    episodes, _ = bring("hdv,0,2,x", "pal,0,2,x", "square,0,2,x")
    for episode in episodes:
        lit = episode.frames[2].mean(axis=2) > 128
        assert lit.any(axis=0).sum() == pytest.approx(lit.any(axis=1).sum(), abs=1)


def test_takes_that_overlap_have_their_own_clocks(src, clip, bright, seconds_of):
    from twospeed.data.importers.videos import VideoFootage

    clip(src / "x.mp4", bright(6))
    footage = VideoFootage(path=src / "x.mp4", name="x")
    times = [1.0, 2.0, 3.0, 2.5, 3.5, 0.5]
    frames = np.stack(list(footage.frames_at(times, size=Size(16, 16), say=pytest.fail)))
    assert seconds_of(frames) == pytest.approx(times, abs=0.1)


def test_a_picture_that_begins_after_its_sound_keeps_its_times(src, bring, bright, clip):
    frames = bright(4)
    clip(src / "x.mp4", frames, times=0.5 + np.arange(len(frames)) / 20, sound=True)
    episodes, lines = bring("x.mp4,0,3,a")
    assert lines == (
        "labels.csv row 2: x.mp4: its picture begins at 0.50 s;"
        " the first frame stands for what is before",
    )
    level = episodes[0].frames[:, 2:-2, 1, 0].mean(axis=1) / 20
    assert level == pytest.approx(np.maximum(np.arange(13) / 4 - 0.5, 0), abs=0.1)


def test_before_a_picture_that_begins_much_later_there_is_none(src, bring, bright, clip):
    frames = bright(4)
    clip(src / "x.mp4", frames, times=2 + np.arange(len(frames)) / 20, sound=True)
    episodes, lines = bring("x.mp4,0,1,a", "x.mp4,2.5,3.5,b")
    assert [episode.actions for episode in episodes] == [("b",)]
    assert lines == ("labels.csv row 2: x.mp4 has no whole picture at 0.00 s; skipped",)


def test_one_frame_that_stands_long_is_said(src, bring, bright, clip):
    frames = bright(4)
    times = [n / 20 + (5 if n >= 40 else 0) for n in range(len(frames))]
    clip(src / "x.mp4", frames, times=times)
    _, lines = bring("x.mp4,0,8,a")
    assert lines == ("labels.csv row 2: x.mp4: it shows one frame from 1.9 to 7.0 s",)
