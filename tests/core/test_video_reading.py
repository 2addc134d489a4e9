"""Frames with times out of files as people have them."""

import itertools
from contextlib import suppress
from fractions import Fraction

import av
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
    place = len(content) * 55 // 100
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


def corners(pixels):
    height, width = pixels.shape[:2]
    names = {(1, 0, 0): "red", (0, 1, 0): "green", (0, 0, 1): "blue", (1, 1, 1): "white"}
    places = itertools.product((height // 5, 4 * height // 5), (width // 5, 4 * width // 5))
    return [names.get(tuple((pixels[y, x] > 128).astype(int).tolist())) for y, x in places]


def four_colours(height, width):
    picture = np.full((height, width, 3), 255, np.uint8)
    picture[: height // 2, : width // 2] = (255, 0, 0)
    picture[: height // 2, width // 2 :] = (0, 255, 0)
    picture[height // 2 :, : width // 2] = (0, 0, 255)
    return picture


MATRICES = {
    "as it is": ((1, 0, 0, 1), lambda it: it),
    "clockwise": ((0, 1, -1, 0), np.rot90),
    "upside down": ((-1, 0, 0, -1), lambda it: np.rot90(it, 2)),
    "anticlockwise": ((0, -1, 1, 0), lambda it: np.rot90(it, -1)),
    "mirrored": ((-1, 0, 0, 1), lambda it: it[:, ::-1]),
    "flipped": ((1, 0, 0, -1), lambda it: it[::-1]),
    "transposed": ((0, 1, 1, 0), lambda it: it.transpose(1, 0, 2)),
    "transposed the other way": ((0, -1, -1, 0), lambda it: np.rot90(it, 2).transpose(1, 0, 2)),
}


@pytest.mark.parametrize(("matrix", "store"), MATRICES.values(), ids=MATRICES)
def test_all_eight_ways_to_hold_a_camera_stand_upright(tmp_path, film, matrix, store):
    stored = np.ascontiguousarray(store(four_colours(64, 96)))
    path = film(tmp_path / "x.mp4", [stored] * 3)
    content = bytearray(path.read_bytes())
    a, b, c, d = (number << 16 for number in matrix)
    place = content.index(b"tkhd") + 44
    content[place : place + 36] = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], ">i4").tobytes()
    path.write_bytes(content)
    assert read_video(path).shape == (3, 64, 96, 3)
    assert corners(read_video(path)[0]) == ["red", "green", "blue", "white"]
    assert corners(read_frame(path)) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize(
    ("aspect", "shape"),
    [
        (Fraction(4, 3), (108, 192)),
        (Fraction(3, 4), (144, 144)),
        (Fraction(1), (108, 144)),
        (Fraction(1, 90), (108, 144)),
    ],
)
def test_pixels_become_square(tmp_path, film, aspect, shape):
    y, x = np.mgrid[:108, :144]
    disc = np.hypot((x - 71.5) * float(aspect), y - 53.5) < 36
    frames = [np.where(disc[..., None], 255, 0).astype(np.uint8).repeat(3, 2)] * 3
    frame = read_frame(film(tmp_path / "x.mp4", frames, aspect=aspect))
    assert frame.shape[:2] == shape
    if aspect > Fraction(1, 2):
        lit = frame.mean(axis=2) > 128
        assert lit.any(axis=0).sum() == pytest.approx(lit.any(axis=1).sum(), abs=2)


def said_of(path):
    lines = []
    read_frame(path, say=lines.append)
    return lines


def test_ten_bits_and_hdr_are_said_in_one_line(tmp_path, film, numbered):
    frames = [numbered(n) for n in range(3)]
    assert said_of(film(tmp_path / "8.mp4", frames)) == []
    ten = film(tmp_path / "10.mp4", frames, pixels="yuv420p10le")
    assert said_of(ten) == ["10.mp4: 10 bits a channel, brought to 8"]
    for name, number in (("PQ", 16), ("HLG", 18)):
        hdr = film(tmp_path / "h.mp4", frames, pixels="yuv420p10le", color_trc=number)
        (line,) = said_of(hdr)
        assert f"HDR ({name}, 10 bits)" in line


@pytest.fixture
def several(numbered):
    """Return a function that writes a file of several pictures, each (side, disposition)."""

    def write(path, *pictures):
        with av.open(str(path), "w") as container:
            streams = []
            for side, disposition in pictures:
                stream = container.add_stream("mjpeg", rate=5)
                stream.height = stream.width = side
                stream.pix_fmt = "yuvj420p"
                stream.disposition = disposition
                streams.append(stream)
            for stream in streams:
                for _ in range(1 if "attached" in str(stream.disposition) else 5):
                    frame = numbered(stream.width, stream.width)
                    frame = av.VideoFrame.from_ndarray(frame, format="rgb24")
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())
        return path

    return write


def test_cover_art_is_not_taken_for_the_video(tmp_path, several):
    kinds = av.stream.Disposition
    cover = several(tmp_path / "x.mp4", (128, kinds.attached_pic), (64, kinds.default))
    assert read_frame(cover).shape == (64, 64, 3)
    assert said_of(cover) == []
    with pytest.raises(DataError, match="it holds no video stream, no picture"):
        read_frame(several(tmp_path / "y.mp4", (128, kinds.attached_pic)))


def test_the_default_picture_or_else_the_largest_is_taken_and_said(tmp_path, several):
    kinds = av.stream.Disposition
    pictures = [(32, kinds(0)), (128, kinds(0)), (64, kinds(0))]
    largest = several(tmp_path / "x.mkv", *pictures)
    assert said_of(largest) == ["x.mkv: it holds 3 pictures; the one of 128x128 is taken"]
    pictures[2] = (64, kinds.default)
    assert read_frame(several(tmp_path / "y.mkv", *pictures)).shape == (64, 64, 3)


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


@pytest.mark.parametrize("side", [40_000, 65_535])
def test_a_frame_that_would_be_huge_is_refused_before_it_is_made(tmp_path, film, side):
    frames = [np.zeros((300, 300, 3), np.uint8)]
    path = film(tmp_path / "x.mkv", frames, codec="ffv1", pixels="bgr0", options={"g": "1"})
    content = path.read_bytes()
    for name in (b"\xb0\x82", b"\xba\x82"):  # width and height of the track
        was, size = name + (300).to_bytes(2), name + side.to_bytes(2)
        assert content.count(was) == 1
        content = content.replace(was, size)
    path.write_bytes(content)
    with pytest.raises(DataError, match="than 134 million pixels"):
        read_frame(path)


def test_colours_of_a_kind_that_cannot_be_turned_into_rgb_are_one_line(tmp_path, film, numbered):
    path = film(tmp_path / "x.mp4", [numbered(3)] * 2, colorspace=8)
    with pytest.raises(DataError, match="as a video: Operation not supported"):
        read_frame(path)
