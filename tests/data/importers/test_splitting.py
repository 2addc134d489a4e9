import itertools

import numpy as np
import pytest

from twospeed.cli.app import main
from twospeed.core.video import write_video
from twospeed.data.index import read_index
from twospeed.data.shards import read_notes, read_shard
from twospeed.training.data.parting import parted


def film(folder, seconds, *, rate=4):
    """Draw one video whose frames get brighter, and a table that gives it one action."""
    folder.mkdir()
    light = np.linspace(0, 255, seconds * rate + 1).astype(np.uint8)
    frames = np.broadcast_to(light[:, None, None, None], (len(light), 16, 16, 3))
    write_video(folder / "a.mp4", np.ascontiguousarray(frames), frames_per_second=rate)
    (folder / "labels.csv").write_text(f"video,start,end,action\na.mp4,0,{seconds},it gets light\n")
    return folder


@pytest.mark.parametrize("seconds", [4, 9, 150])
def test_one_video_of_ones_own_imports_and_trains(seconds, tmp_path, capsys):
    source, data = film(tmp_path / "own", seconds), tmp_path / "data"
    assert main(["import", "videos", f"{source}", f"--out={data}", "--name=own", "--size=16"]) == 0
    settings = ["recalling.loop.steps=0", "slow_fast.loop.steps=0"]
    told = [f"--set={it}" for it in settings]
    assert main(["train", "rooms-tiny", f"--data={data}", f"--out={tmp_path / 'run'}", *told]) == 0
    assert "trained 20 steps" in capsys.readouterr().out


def test_a_long_take_becomes_episodes_that_lose_no_frame(tmp_path, capsys):
    source, data = film(tmp_path / "own", 150), tmp_path / "data"
    assert main(["import", "videos", f"{source}", f"--out={data}", "--name=own", "--size=16"]) == 0
    assert "a.mp4: 150 chunks in a row become 3 episodes" in capsys.readouterr().err
    episodes = list(read_shard(data / read_index(data)[0].name))
    assert [len(it.actions) for it in episodes] == [50, 50, 50]
    for before, after in itertools.pairwise(episodes):
        assert np.array_equal(before.frames[-1], after.frames[0])
    assert all(len(it.frames) == 201 for it in episodes)


def test_a_video_that_is_too_short_to_train_on_is_said(tmp_path, capsys):
    source, data = film(tmp_path / "own", 3), tmp_path / "data"
    assert main(["import", "videos", f"{source}", f"--out={data}", "--name=own", "--size=16"]) == 0
    assert "training needs 4 chunks in a row or two episodes" in capsys.readouterr().err


def test_an_import_that_fails_does_not_stand_in_the_way_of_the_next(tmp_path, capsys):
    source, data = film(tmp_path / "own", 4), tmp_path / "data"
    command = ["import", "videos", f"{source}", f"--out={data}", "--name=own", "--size=16"]
    table = source / "labels.csv"
    right = table.read_text()
    table.write_text(right.replace("a.mp4,0,4", "a.mp4,90,94"))
    assert main(command) == 2
    table.write_text(right)
    assert main(command) == 0
    assert "imported 1 of 1 episodes" in capsys.readouterr().out


def test_the_parts_of_an_episode_lose_nothing(tmp_path):
    source, data = film(tmp_path / "own", 9), tmp_path / "data"
    assert main(["import", "videos", f"{source}", f"--out={data}", "--name=own", "--size=16"]) == 0
    shard = data / read_index(data)[0].name
    assert len(list(read_notes(shard))) == 1
    (episode,) = read_shard(shard)
    parts = parted(episode)
    assert [len(it.actions) for it in parts] == [2, 2, 2, 3]
    joined = [parts[0].frames[:1], *(it.frames[1:] for it in parts)]
    assert np.array_equal(np.concatenate(joined), episode.frames)
