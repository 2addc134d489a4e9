import numpy as np
import pytest
from PIL import Image

from twospeed.core.errors import DataError
from twospeed.evaluation.videos.animations import read_animation


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_every_frame_and_the_rate_are_read(tmp_path, ending):
    levels = (0, 90, 200)
    pictures = [Image.new("RGB", (16, 12), (level,) * 3) for level in levels]
    path = tmp_path / f"a.{ending}"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100, lossless=True)
    frames, rate = read_animation(path)
    assert frames.shape == (3, 12, 16, 3)
    assert np.abs(frames.mean((1, 2, 3)) - levels).max() < 2
    assert rate in (None, pytest.approx(10))


def test_the_rate_is_that_of_all_frames_together(tmp_path):
    pictures = [Image.new("RGB", (16, 12), (level,) * 3) for level in (0, 90, 200)]
    path = tmp_path / "a.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[60, 70, 70])
    assert read_animation(path)[1] == pytest.approx(15)


def test_what_is_no_animation_is_one_line(tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(b"GIF89a but not really")
    with pytest.raises(DataError, match=r"cannot read .*a\.gif as an animation"):
        read_animation(path)
    with pytest.raises(DataError, match="cannot read"):
        read_animation(tmp_path / "none.gif")
