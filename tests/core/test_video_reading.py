"""Frames with times out of files as people have them."""

from contextlib import suppress

import numpy as np
import pytest

from twospeed.core.errors import DataError
from twospeed.core.video import read_frame, read_video
from twospeed.core.video_reading import open_video

FAR_KEYS = {"g": "250", "keyint_min": "250", "sc_threshold": "0"}


@pytest.fixture
def told(number_of):
    """Return a function that gives (time, number) of all moments, None for damage."""

    def read(path, **start):
        video = open_video(path)
        return [
            (round(it.time, 2), None if it.frame is None else number_of(video.pixels(it)))
            for it in video.moments(**start)
        ]

    return read


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_the_first_moment_is_at_or_before_the_start_wherever_a_seek_lands(
    tmp_path, film, numbered, told, ending
):
    path = film(tmp_path / f"x.{ending}", [numbered(n) for n in range(900)], options=FAR_KEYS)
    for start in (15.0, 24.0, 31.0):
        found = told(path, start=start)
        assert found[0][0] <= start
        assert all(number == round(time * 20) for time, number in found)
        assert found[-1][1] == 899


@pytest.mark.parametrize("ending", ["avi", "mpg"])
def test_old_containers_show_each_frame_at_its_time(tmp_path, film, numbered, told, ending):
    codec = {"avi": "mpeg4", "mpg": "mpeg2video"}[ending]
    options = {"bf": "2", "b": "3000000", "g": "12"}
    frames = [numbered(n) for n in range(60)]
    path = film(tmp_path / f"x.{ending}", frames, rate=25, codec=codec, options=options)
    assert told(path) == [(n / 25, n) for n in range(60)]


def noisy(numbered, count):
    noise = np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8)
    for number in range(count):
        mixed = numbered(number, 160) * 0.7 + np.roll(noise, number * 7, axis=1) * 0.3
        yield mixed.astype(np.uint8)


@pytest.mark.parametrize("ending", ["mp4", "ts", "mkv"])
@pytest.mark.parametrize("seed", range(4))
def test_damage_lasts_until_the_next_key_frame(tmp_path, film, numbered, told, ending, seed):
    options = {"g": "40", "sc_threshold": "0", "crf": "20"}
    path = film(tmp_path / f"x.{ending}", list(noisy(numbered, 160)), options=options)
    content = bytearray(path.read_bytes())
    place = len(content) * 65 // 100  # elsewhere a decoder may not notice it
    content[place : place + 2000] = np.random.default_rng(seed).bytes(2000)
    path.write_bytes(content)
    found = told(path)
    hurt = [place for place, (_, number) in enumerate(found) if number is None]
    assert hurt or len(found) < 160  # a piece that is lost whole leaves no trace but its absence
    assert all(number in (None, round(time * 20)) for time, number in found)
    for place in hurt:
        assert found[place + 1][0] - found[place][0] <= 40 / 20
    assert {0, 159} <= {number for _, number in found}


def test_a_recording_cut_at_its_front_begins_with_a_whole_frame(tmp_path, film, numbered, told):
    options = {"g": "40", "sc_threshold": "0"}
    path = film(tmp_path / "x.ts", list(noisy(numbered, 120)), options=options)
    content = path.read_bytes()
    path.write_bytes(content[: 188 * 3] + content[188 * 40 :])
    found = [it for it in told(path) if it[1] is not None]
    assert found[0][1] == 40
    assert [number for _, number in found] == list(range(40, 120))


def test_a_clock_that_jumps_back_ends_the_reading(tmp_path, film, numbered):
    one = film(tmp_path / "one.ts", [numbered(n) for n in range(100)])
    path = tmp_path / "both.ts"
    path.write_bytes(one.read_bytes() * 2)
    times = []
    with pytest.raises(DataError, match=r"its clock jumps back from 4\.[89] to 0\.0 s"):
        times.extend(moment.time for moment in open_video(path).moments())
    assert times == sorted(times)
    assert times[-1] > 4.7


def test_frames_begin_when_their_sound_says(tmp_path, film, numbered, told):
    frames = [numbered(n) for n in range(20)]
    for ending in ("mp4", "mkv"):
        late = film(tmp_path / f"late.{ending}", frames, begin=0.5, sound=0.0)
        assert told(late)[0] == (0.5, 0)
        early = film(tmp_path / f"early.{ending}", frames, begin=0.0, sound=0.5)
        assert told(early)[0] == (0.0, 0)


def test_the_last_frame_lasts_as_long_as_the_file_says(tmp_path, film, numbered):
    path = film(tmp_path / "x.mp4", [numbered(n) for n in range(20)], last_seconds=2.0)
    *_, last = open_video(path).moments()
    assert last.lasts == pytest.approx(2.0)


def test_a_video_of_one_frame_is_read(tmp_path, film, numbered, told):
    path = film(tmp_path / "x.mp4", [numbered(7)])
    assert told(path) == [(0.0, 7)]
    assert read_video(path).shape == (1, 32, 32, 3)
    (moment,) = open_video(path).moments()
    assert moment.lasts == pytest.approx(1 / 20, abs=0.01)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "avi", "mpg"])
def test_random_damage_never_raises_anything_else(tmp_path, film, numbered, ending):
    codec = {"avi": "mpeg4", "mpg": "mpeg2video"}.get(ending, "libx264")
    options = {"g": "12", "b": "1000000"}
    frames = [numbered(n) for n in range(40)]
    whole = film(tmp_path / f"x.{ending}", frames, rate=25, codec=codec, options=options)
    content, random = whole.read_bytes(), np.random.default_rng(0)
    for _ in range(40):
        spoilt = bytearray(content)
        for place in random.integers(0, len(content), 6):
            spoilt[place] = random.integers(256)
        whole.write_bytes(spoilt[: random.integers(1, 2 * len(content))])
        times = []
        with suppress(DataError):
            times.extend(moment.time for moment in open_video(whole).moments())
        assert times == sorted(times)
        with suppress(DataError):
            assert read_frame(whole).ndim == 3
