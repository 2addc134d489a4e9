"""Headers of videos: how a frame is turned, the shape of its pixels, which picture is shown."""

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest

from twospeed.core.errors import DataError
from twospeed.core.video import read_frame, read_video


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
