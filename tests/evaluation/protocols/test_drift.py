import pytest

from twospeed.evaluation.protocols.base import ProtocolConfig
from twospeed.evaluation.protocols.drift import measure_drift


def test_windows_of_a_hundred_frames_with_and_without_memory(model, walks, fast):
    done = []
    config = ProtocolConfig(memory=fast)
    report = measure_drift(model, walks[:1], config, advance=done.append, chunks=30)
    assert sum(done) == 2 * 30
    assert report["frames"] == 120
    for arm in ("on", "off", "truth"):
        assert [window["first_frame"] for window in report[arm]] == [1, 101]
    assert report["on"] != report["off"]
    assert all(len(window["mean_colour"]) == 3 for window in report["truth"])
    assert report["truth"][0]["motion"] == pytest.approx(15, abs=14)
