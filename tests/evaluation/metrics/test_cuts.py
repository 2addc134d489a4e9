import numpy as np
import pytest

from twospeed.evaluation.metrics.cuts import content_change, hue_saturation_value, scene_cuts


def scene(colour, count):
    return np.broadcast_to(np.array(colour, np.uint8), (count, 8, 8, 3))


def test_one_hard_cut_is_one_cut_and_says_where():
    video = np.concatenate([scene((200, 30, 30), 7), scene((20, 60, 220), 5)])
    assert scene_cuts(video) == [7]
    assert scene_cuts(video / 255) == [7]


def test_what_stands_still_or_fades_slowly_has_none():
    assert scene_cuts(scene((200, 30, 30), 9)) == []
    assert scene_cuts(np.stack([scene((level,) * 3, 1)[0] for level in range(0, 250, 10)])) == []


def test_the_colours_are_those_of_opencv():
    colours = np.array([[(255, 0, 0), (0, 255, 0), (0, 0, 255), (10, 20, 30), (90, 90, 90)]])
    found = hue_saturation_value(colours.astype(np.uint8))[0].tolist()
    assert found == [[0, 255, 255], [60, 255, 255], [120, 255, 255], [105, 170, 30], [0, 0, 90]]


def test_a_brighter_grey_changes_brightness_alone():
    video = np.concatenate([scene((10, 10, 10), 1), scene((100, 100, 100), 1)])
    assert content_change(video).tolist() == [0, 30]


def test_change_is_that_of_pyscenedetect():
    detectors = pytest.importorskip("scenedetect.detectors", exc_type=ImportError)
    video = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    detector = detectors.ContentDetector(min_scene_len=1)
    theirs = [detector._calculate_frame_score(0, frame[..., ::-1]) for frame in video]
    assert content_change(video)[1:] == pytest.approx(theirs[1:], abs=0.5)
