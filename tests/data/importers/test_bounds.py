"""Where takes begin and end: never a frame from beside a stretch, and what becomes of overlaps."""

import numpy as np
import pytest

from twospeed.data.importers.account import Account
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.grid import MOST_CHUNKS, takes_of
from twospeed.data.importers.plan import Segment
from twospeed.data.importers.run import import_recordings
from twospeed.data.importers.videos import VideoFootage
from twospeed.data.index import read_episodes


@pytest.fixture
def plan(tmp_path):
    """Return a function from stretches, such as (0, 2.6, "walk"), to takes and lines."""

    def run(*stretches, rate=None, **settings):
        config = ImportConfig(**{"format": "videos", "name": "mine"} | settings)
        segments = [
            Segment(where=f"row {row}", start=start, stop=stop, action=action)
            for row, (start, stop, action) in enumerate(stretches, start=2)
        ]
        account = Account()
        footage = VideoFootage(path=tmp_path / "v.mp4", name="v.mp4")
        takes = takes_of(footage, "v", segments, config, account, rate=rate)
        return takes, account.lines, [take.times(config) for take in takes]

    return run


def test_stretches_with_small_pauses_keep_their_own_clocks(tmp_path, clip, bright, seconds_of):
    source = tmp_path / "src"
    clip(source / "v.mp4", bright(12))
    rows = ["v.mp4,0,2.6,walk", "v.mp4,2.8,5.8,turn", "v.mp4,6.1,9.0,stop"]
    (source / "labels.csv").write_text("video,start,end,action\n" + "\n".join(rows) + "\n")
    config = ImportConfig(format="videos", name="mine", frame_size=16)
    done = import_recordings(config, source, tmp_path / "out")
    episodes = list(read_episodes(tmp_path / "out"))
    assert not done.lines
    assert [it.actions for it in episodes] == [("walk",) * 2, ("turn",) * 3, ("stop",) * 3]
    expected = [np.arange(9) / 4, 2.8 + np.arange(13) / 4, np.minimum(6.1 + np.arange(13) / 4, 9)]
    for episode, times in zip(episodes, expected, strict=True):
        assert seconds_of(episode.frames) == pytest.approx(times, abs=0.06)


@pytest.mark.parametrize("chunk_frames", [1, 2, 4, 5])
def test_no_frame_comes_from_after_the_stop_and_none_comes_twice(plan, chunk_frames):
    for length in np.arange(0.05, 6.5, 0.05):
        takes, _, times = plan((3.0, 3.0 + length, "x"), chunk_frames=chunk_frames)
        for take, moments in zip(takes, times, strict=True):
            assert moments[0] == 3.0
            assert max(moments) <= take.stop + 1e-9
            assert len(moments) == 1 + chunk_frames * len(take.actions)
            assert np.all(np.diff(moments) > 0)
            assert np.diff(moments)[:-1] == pytest.approx(np.full(len(moments) - 2, 0.25))


def test_numbered_frames_are_asked_for_in_their_middle(plan):
    (take,), _, (times,) = plan((6.0, 8.95, "x"), rate=20)
    assert take.actions == ("x",) * 3
    numbers = (np.array(times) - 6.0) * 20
    assert numbers == pytest.approx([*np.arange(0, 60, 5) + 0.5, 59.5])


@pytest.mark.parametrize(
    ("stretches", "kept", "said"),
    [
        ([(0, 3, "a"), (2, 6, "b")], [(0, 6, "aaabbb")], "2.00 to 6.00 s overlaps row 2 (0.00 to"),
        ([(2, 6, "b"), (0, 3, "a")], [(0, 6, "aabbbb")], "the larger rest, 0.00 to 2.00 s, is"),
        ([(4, 5, "a"), (0, 10, "b")], [(4, 10, "abbbbb")], "larger rest, 5.00 to 10.00 s, is kept"),
        ([(5, 6, "a"), (0, 10, "b")], [(0, 6, "bbbbba")], "larger rest, 0.00 to 5.00 s, is kept"),
        ([(0, 10, "a"), (4, 4.5, "b")], [(0, 10, "a" * 10)], "(0.00 to 10.00 s) wholly; skipped"),
        ([(0, 2, "a"), (0.7, 1.7, "b")], [(0, 2, "aa")], "(0.00 to 2.00 s) wholly; skipped"),
        ([(0, 3, "a"), (0, 3, "b")], [(0, 3, "aaa")], "(0.00 to 3.00 s) wholly; skipped"),
        ([(0, 3, "a"), (2, 3.3, "b")], [(0, 3.3, "aaa")], "and the rest is too short for a chunk"),
    ],
)
def test_of_rows_that_overlap_the_later_one_keeps_its_larger_rest(plan, stretches, kept, said):
    takes, lines, _ = plan(*stretches)
    assert [(it.start, it.stop, "".join(it.actions)) for it in takes] == kept
    assert len(lines) == 1
    assert lines[0].startswith("row 3: the segment ")
    assert said in lines[0]


def test_a_row_inside_another_keeps_all_and_the_other_its_larger_rest(plan):
    takes, lines, _ = plan((0, 10, "a"), (4, 5, "b"), (6, 7, "c"), (7, 8, "d"))
    found = [(take.start, take.stop, "".join(take.actions)) for take in takes]
    assert found == [(4, 5, "b"), (6, 10, "cdaa")]
    assert lines == (
        "row 2: the segment 0.00 to 10.00 s overlaps row 5 (7.00 to 8.00 s); the larger rest, 8.00"
        " to 10.00 s, is kept",
    )


def test_rows_that_only_touch_do_not_overlap(plan):
    (take,), lines, _ = plan((0, 2, "a"), (2.0000001, 4, "b"), (1.9999999 + 2, 6, "c"))
    assert not lines
    assert "".join(take.actions) == "aabbcc"


def test_a_thousand_overlaps_are_a_few_lines_and_a_count():
    stretches = [(2 * row, 2 * row + 2.5, "x") for row in range(1001)]
    config = ImportConfig(format="videos", name="mine")
    segments = [
        Segment(where=f"row {row}", start=start, stop=stop, action=action)
        for row, (start, stop, action) in enumerate(stretches)
    ]
    account = Account()
    takes = takes_of(VideoFootage(path=None, name="v"), "v", segments, config, account)
    assert len(account.lines) == 1000
    assert len(takes) == 1
    summary = list(account.summary())
    assert len(summary) == 4
    assert summary[3] == "1,000 in all: segments that overlap another one, their rest is kept"


def test_a_row_of_years_is_one_line(plan):
    takes, lines, _ = plan((0, 4e6, "x"), (0, 1, "y"))
    assert [take.actions for take in takes] == [("y",)]
    assert lines == (f"row 2: 4,000,000 chunks are more than {MOST_CHUNKS:,}; skipped",)
