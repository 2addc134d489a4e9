"""Pictures as people have them become upright RGB of 8 bits, or are refused in one line."""

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from twospeed.core.errors import ConfigError, DataError
from twospeed.core.pictures import Size, decode_picture, fit_frame, read_picture

ORIENTATION = 0x112


@pytest.fixture
def photo():
    """A picture whose corners differ: 24 x 36, smooth in parts so that JPEG keeps it."""
    pixels = np.full((24, 36, 3), 255, np.uint8)
    pixels[:12, :18], pixels[:12, 18:], pixels[12:, :18] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return pixels


def encoded(pixels, kind="PNG", **options):
    target = io.BytesIO()
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    picture.save(target, format=kind, **options)
    return target.getvalue()


STORED = {
    1: lambda it: it,
    2: lambda it: it[:, ::-1],
    3: lambda it: np.rot90(it, 2),
    4: lambda it: it[::-1],
    5: lambda it: it.transpose(1, 0, 2),
    6: np.rot90,
    7: lambda it: np.rot90(it, 2).transpose(1, 0, 2),
    8: lambda it: np.rot90(it, -1),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", STORED)
def test_every_orientation_stands_upright(photo, kind, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = np.ascontiguousarray(STORED[orientation](photo))
    shown = decode_picture(encoded(stored, kind, exif=exif)).pixels
    assert shown.shape == photo.shape
    assert np.abs(shown.astype(int) - photo)[4:-4:6, 4:-4:6].mean() < 12


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_range(kind):
    ramp = np.tile(np.arange(0, 65536, 257, dtype=np.uint16), (8, 1))
    picture = decode_picture(encoded(ramp, kind))
    assert np.array_equal(picture.pixels[0, :, 0], np.arange(256))
    assert picture.is_grey
    assert picture.notes == ("16 bits a channel, brought to 8",)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_numbers_without_a_known_range_are_refused(dtype):
    with pytest.raises(DataError, match="32 bits"):
        decode_picture(encoded(np.ones((8, 8), dtype), "TIFF"))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(photo, mode):
    picture = decode_picture(encoded(Image.fromarray(photo).convert(mode), "TIFF"))
    assert picture.pixels.shape == photo.shape
    assert picture.pixels.dtype == np.uint8
    assert picture.is_grey == (mode in {"1", "L", "LA"})
    assert picture.notes == ()


def test_transparency_is_said(photo):
    alpha = np.full((*photo.shape[:2], 1), 255, np.uint8)
    alpha[:5] = 0
    picture = decode_picture(encoded(np.concatenate([photo, alpha], axis=2)))
    assert np.array_equal(picture.pixels, photo)
    assert picture.notes == ("partly transparent, the colours beneath are taken",)


def test_a_png_with_texts_of_any_size_is_read(photo):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("parameters", "x" * 3_000_000, zip=True)
    texts.add_itxt("workflow", "y" * 3_000_000, zip=True)
    assert np.array_equal(decode_picture(encoded(photo, pnginfo=texts)).pixels, photo)


def bomb(width, height):
    """Return a small PNG that says it is huge."""

    def chunk(kind, data):
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(100_000))
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", data), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(("width", "height"), [(12000, 12000), (50000, 50000), (2**31 - 1, 1)])
def test_a_picture_that_would_be_huge_is_refused_before_it_is_made(width, height):
    with pytest.raises(DataError, match="more than 134 million pixels"):
        decode_picture(bomb(width, height))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"<html>404 not found</html>", "none that we know"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "none that we know"),
    ],
)
def test_what_is_no_picture_is_one_line(tmp_path, content, reason):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason) as caught:
        read_picture(path)
    assert str(caught.value).startswith(f"cannot read {path} as a picture: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
def test_what_is_cut_off_is_one_line(photo, kind):
    content = encoded(photo, kind)
    with pytest.raises(DataError):
        decode_picture(content[: len(content) // 2])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP"])
def test_random_damage_never_raises_anything_else(photo, kind):
    random = np.random.default_rng(0)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    content = encoded(photo, kind, **({} if kind in {"GIF", "BMP"} else {"exif": exif}))
    for _ in range(150):
        spoilt = bytearray(content)
        for place in random.integers(0, len(content), 4):
            spoilt[place] = random.integers(256)
        with suppress(DataError):
            decode_picture(bytes(spoilt))


def test_what_is_no_file_is_one_line(tmp_path):
    for path, reason in ((tmp_path, "it is no file"), (tmp_path / "x.png", "it is missing")):
        with pytest.raises(DataError, match=reason):
            read_picture(path)


@pytest.mark.parametrize(
    ("size", "kept"),
    [
        ((10, 10), np.s_[:, 20:40]),
        ((10, 20), np.s_[:, 10:50]),
        ((40, 20), np.s_[:, 25:35]),
        ((10, 60), np.s_[5:15]),
        ((40, 120), np.s_[:]),
    ],
)
def test_the_middle_is_taken_of_as_much_as_fits(size, kept):
    frame = np.zeros((20, 60, 3), np.uint8)
    frame[kept] = 200
    fitted = fit_frame(frame, size)
    assert fitted.shape == (*size, 3)
    assert (fitted == 200).all()
    frame[:] = 0
    frame[kept] = np.arange(200, dtype=np.uint8)[: frame[kept].shape[1], None]
    assert (np.diff(fit_frame(frame, size)[0, :, 0].astype(int)) >= -1).all()


def test_a_frame_of_its_size_is_returned_as_it_is():
    frame = np.zeros((20, 60, 3), np.uint8)
    assert fit_frame(frame, (20, 60)) is frame


def test_a_size_is_said_as_width_by_height_and_a_square_has_one_side():
    assert str(Size(480, 832)) == "832x480"
    assert Size.of(64, None) == (64, 64)
    for size in (Size(480, 832), Size(64, 64)):
        assert Size.of(**size.fields) == size
    assert Size(64, 64).square_side("worlds draw") == 64
    with pytest.raises(ConfigError, match="worlds draw square frames alone, asked for 832x480"):
        Size(480, 832).square_side("worlds draw")
