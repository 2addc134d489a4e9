"""Shards as LeRobot datasets: by the rules of the format, and there and back again."""

import dataclasses
import json

import av
import numpy as np
import pytest

from twospeed.cli.app import main
from twospeed.core.errors import DataError
from twospeed.data.exporters.lerobot import export_lerobot
from twospeed.data.exporters.lerobot_files import CAMERA
from twospeed.data.exporters.lerobot_meta import STATE
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.run import import_recordings
from twospeed.data.index import read_episodes, write_index
from twospeed.data.shards import write_shard

pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def shards(tmp_path, make_episode, random_frames):
    """Four episodes of different lengths, the last for testing."""

    episodes = [make_episode(seed, num_chunks=2 + seed, size=16) for seed in range(4)]
    episodes = [
        dataclasses.replace(it, frames=random_frames(it.seed, len(it.frames))) for it in episodes
    ]
    episodes[0] = dataclasses.replace(episodes[0], seed=800_000)
    write_shard(tmp_path / "shards" / "a.tar", episodes)
    write_index(tmp_path / "shards")
    return tmp_path / "shards"


def in_order(shards):
    return sorted(read_episodes(shards), key=lambda it: it.seed)


def test_an_export_holds_by_the_rules_of_the_format(shards, tmp_path):
    done = export_lerobot(shards, tmp_path / "robot")
    originals = in_order(shards)
    info = json.loads((tmp_path / "robot" / "meta" / "info.json").read_text())
    assert (info["codebase_version"], info["fps"]) == ("v3.0", 4)
    assert info["total_frames"] == done.num_frames == sum(len(it.frames) for it in originals)
    assert info["splits"] == {"train": "0:3", "test": "3:4"}
    tasks = parquet.read_table(tmp_path / "robot" / "meta" / "tasks.parquet").to_pydict()
    text = dict(zip(tasks["task_index"], tasks["task"], strict=True))
    rows = parquet.read_table(tmp_path / "robot" / "meta" / "episodes").to_pylist()
    assert [row["episode_index"] for row in rows] == [0, 1, 2, 3]
    for row, episode in zip(rows, originals, strict=True):
        place = {it: row[f"data/{it}"] for it in ("chunk_index", "file_index")}
        table = parquet.read_table(tmp_path / "robot" / info["data_path"].format(**place))
        assert set(table.column_names) == set(info["features"]) - {CAMERA}
        mine = table.slice(row["dataset_from_index"], row["length"]).to_pydict()
        assert row["dataset_to_index"] - row["dataset_from_index"] == len(episode.frames)
        assert mine["index"] == list(range(row["dataset_from_index"], row["dataset_to_index"]))
        assert mine["frame_index"] == list(range(len(episode.frames)))
        assert mine["timestamp"] == pytest.approx(np.arange(len(episode.frames)) / 4)
        assert mine[STATE] == pytest.approx(episode.poses)
        said = [text[number] for number in mine["task_index"]]
        assert said == [action for action in episode.actions for _ in range(4)] + [said[-1]]
        assert set(row["tasks"]) == set(episode.actions)
        place = {it: row[f"videos/{CAMERA}/{it}"] for it in ("chunk_index", "file_index")}
        path = tmp_path / "robot" / info["video_path"].format(video_key=CAMERA, **place)
        begin = row[f"videos/{CAMERA}/from_timestamp"]
        with av.open(str(path)) as container:
            shown = [
                (float(frame.pts * frame.time_base), frame.to_ndarray(format="rgb24"))
                for frame in container.decode(video=0)
            ]
        wanted = [begin + time for time in mine["timestamp"]]
        nearest = [min(shown, key=lambda it: abs(it[0] - time)) for time in wanted]
        assert max(abs(it[0] - time) for it, time in zip(nearest, wanted, strict=True)) < 1e-4
        error = np.stack([it[1] for it in nearest]).astype(float) - episode.frames
        assert np.abs(error).mean() < 12  # colours at half the resolution, on cells of 4 pixels


def test_the_statistics_are_those_of_all_rows(shards, tmp_path):
    export_lerobot(shards, tmp_path / "robot")
    stats = json.loads((tmp_path / "robot" / "meta" / "stats.json").read_text())
    poses = np.concatenate([it.poses for it in in_order(shards)]).astype(np.float64)
    for name in ("min", "max", "mean", "std"):
        assert stats[STATE][name] == pytest.approx(getattr(poses, name)(axis=0), rel=1e-9)
    pixels = np.concatenate([it.frames for it in in_order(shards)]) / 255
    assert np.array(stats[CAMERA]["mean"]).shape == (3, 1, 1)
    assert np.ravel(stats[CAMERA]["std"]) == pytest.approx(pixels.std(axis=(0, 1, 2)))
    assert stats[CAMERA]["count"] == [len(pixels)]


@pytest.mark.parametrize("megabytes", [200, 0])
def test_there_and_back_again(shards, tmp_path, megabytes):
    export_lerobot(shards, tmp_path / "robot", video_megabytes=megabytes)
    videos = list((tmp_path / "robot" / "videos").rglob("*.mp4"))
    assert len(videos) == (1 if megabytes else 4)
    config = ImportConfig(format="lerobot", name="robot", frame_size=16)
    done = import_recordings(config, tmp_path / "robot", tmp_path / "back")
    episodes = list(read_episodes(tmp_path / "back", on_damage=pytest.fail))
    assert not done.lines
    originals = in_order(shards)
    assert [it.actions for it in episodes] == [it.actions for it in originals]
    for episode, original in zip(episodes, originals, strict=True):
        assert episode.frames.shape == original.frames.shape
        error = episode.frames.astype(float) - original.frames
        assert np.abs(error).mean() < 12
        others = [it.frames[: len(episode.frames)] for it in originals if it is not original]
        assert all(
            np.abs(episode.frames[: len(it)].astype(float) - it).mean() > 40 for it in others
        )


def test_the_command_exports_and_never_over_anything(shards, tmp_path, capsys):
    command = ["export", "lerobot", str(shards), "--out", str(tmp_path / "robot")]
    assert main(command) == 0
    assert "exported 4 episodes, 60 frames, 2 tasks" in capsys.readouterr().out
    assert main(command) == 2
    assert "is there already" in capsys.readouterr().err


def test_episodes_that_do_not_fit_together_are_refused(shards, tmp_path, make_episode):
    write_shard(shards / "b.tar", [make_episode(9)])
    write_index(shards)
    with pytest.raises(DataError, match=r"one size of frames: \(16, 16\)"):
        export_lerobot(shards, tmp_path / "robot")
    assert not list(tmp_path.glob("*robot*"))


def test_a_rate_that_no_video_has_is_refused(tmp_path, make_episode):
    episode = dataclasses.replace(make_episode(1, size=16), frames_per_second=1e-4)
    (tmp_path / "slow").mkdir()
    write_shard(tmp_path / "slow" / "a.tar", [episode])
    write_index(tmp_path / "slow")
    with pytest.raises(DataError, match=r"at least a frame in 1,000 s, .* has 0.0001 a second"):
        export_lerobot(tmp_path / "slow", tmp_path / "robot")
