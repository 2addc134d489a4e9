import numpy as np
from PIL import Image

from twospeed.core.video import write_video
from twospeed.evaluation.videos.pairing import plan_of, read_pairs


def paired(tmp_path, rate, milliseconds):
    """Return what was said of a video of a rate and an animation whose frames last so long."""
    frames = np.zeros((6, 16, 16, 3), np.uint8)
    frames[::2] = 90
    write_video(tmp_path / "real" / "a.mkv", frames, frames_per_second=rate)
    (tmp_path / "fake").mkdir()
    pictures = [Image.fromarray(frame) for frame in frames]
    pictures[0].save(
        tmp_path / "fake" / "a.gif",
        save_all=True,
        append_images=pictures[1:],
        duration=milliseconds,
    )
    said = []
    plan = plan_of(tmp_path / "real", tmp_path / "fake", say=said.append)
    assert [pair is None for pair in read_pairs(plan, say=said.append)] == [bool(said)]
    return said


def test_an_animation_tells_time_in_hundredths_of_a_second(tmp_path):
    for folder, (rate, milliseconds) in enumerate([(15, 60), (60, 10), (24, 40)]):
        assert paired(tmp_path / str(folder), rate, milliseconds) == []


def test_another_rate_is_one_line_with_both(tmp_path):
    (line,) = paired(tmp_path, 30, 1000)
    assert "a.gif has 1 frames per second" in line
    assert "a.mkv has 30; left out" in line
