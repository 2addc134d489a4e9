"""LeRobot datasets of every layout, written here by the rules of the format."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from twospeed.core.errors import DataError, UnknownNameError
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.run import import_recordings
from twospeed.data.index import read_episodes

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

RATE = 10
TOP, WRIST = "observation.images.top", "observation.images.wrist"
TASKS = ("pick up the cube", "put it back")
LENGTHS = (31, 21)
"""Frames of the two episodes; in the first, the task changes after frame 20."""


def tasks_of(episode, length):
    return [int(index >= 20) if episode == 0 else 1 for index in range(length)]


def rows_of(episode, length, first=0):
    return {
        "timestamp": pyarrow.array(np.arange(length) / RATE, pyarrow.float32()),
        "frame_index": list(range(length)),
        "episode_index": [episode] * length,
        "index": [first + index for index in range(length)],
        "task_index": tasks_of(episode, length),
    }


def write_table(path, columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(columns), path)


def write_info(root, version, data_path, video_path, *, dtype="video"):
    features = {key: {"dtype": dtype, "shape": [32, 48, 3]} for key in (TOP, WRIST)}
    depth = {"dtype": "video", "shape": [32, 48, 1], "info": {"video.is_depth_map": True}}
    info = {
        "codebase_version": version,
        "fps": RATE,
        "total_episodes": 2,
        "chunks_size": 1000,
        "data_path": data_path,
        "video_path": video_path,
        "features": {"observation.depth": depth, **features},
    }
    (root / "meta").mkdir(parents=True)
    (root / "meta" / "info.json").write_text(json.dumps(info))


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def v21(tmp_path, clip, bright):
    """Two episodes in the layout of v2.1: a table and a video each."""
    root = tmp_path / "v21"
    video_path = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
    data_path = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
    write_info(root, "v2.1", data_path, video_path)
    write_lines(
        root / "meta" / "tasks.jsonl",
        [{"task_index": index, "task": task} for index, task in enumerate(TASKS)],
    )
    write_lines(
        root / "meta" / "episodes.jsonl",
        [
            {"episode_index": index, "tasks": list(TASKS), "length": length}
            for index, length in enumerate(LENGTHS)
        ],
    )
    for episode, length in enumerate(LENGTHS):
        write_table(
            root / "data" / "chunk-000" / f"episode_{episode:06d}.parquet",
            rows_of(episode, length),
        )
        for key, shift in ((TOP, 0), (WRIST, 20)):
            frames = bright(length / RATE, rate=RATE) + np.uint8(shift)
            name = f"episode_{episode:06d}.mp4"
            clip(root / "videos" / "chunk-000" / key / name, frames, rate=RATE)
    return root


@pytest.fixture
def v30(tmp_path, clip, bright):
    """The same two episodes in the layout of v3.0: one table and one video of both."""
    root = tmp_path / "v30"
    place = "chunk-{chunk_index:03d}/file-{file_index:03d}"
    write_info(root, "v3.0", f"data/{place}.parquet", f"videos/{{video_key}}/{place}.mp4")
    write_table(
        root / "meta" / "tasks.parquet",
        {"task_index": [1, 0], "__index_level_0__": [TASKS[1], TASKS[0]]},
    )
    both = [rows_of(0, LENGTHS[0]), rows_of(1, LENGTHS[1], first=LENGTHS[0])]
    joined = {name: np.concatenate([rows[name] for rows in both]) for name in both[0]}
    write_table(root / "data" / "chunk-000" / "file-000.parquet", joined)
    episodes = {
        "episode_index": [0, 1],
        "tasks": [list(TASKS), list(TASKS[1:])],
        "length": list(LENGTHS),
        "data/chunk_index": [0, 0],
        "data/file_index": [0, 0],
        "stats/index/min": [[0], [0]],
    }
    for key in (TOP, WRIST):
        episodes[f"videos/{key}/chunk_index"] = [0, 0]
        episodes[f"videos/{key}/file_index"] = [0, 0]
        episodes[f"videos/{key}/from_timestamp"] = [0.0, LENGTHS[0] / RATE]
        episodes[f"videos/{key}/to_timestamp"] = [LENGTHS[0] / RATE, sum(LENGTHS) / RATE]
        shift = np.uint8(20 * (key == WRIST))
        frames = np.concatenate([bright(length / RATE, rate=RATE) for length in LENGTHS]) + shift
        clip(root / "videos" / key / "chunk-000" / "file-000.mp4", frames, rate=RATE)
    write_table(root / "meta" / "episodes" / "chunk-000" / "file-000.parquet", episodes)
    return root


def bring(source, out, **settings):
    settings = {"format": "lerobot", "name": "robot", "frame_size": 16} | settings
    done = import_recordings(ImportConfig(**settings), source, out)
    return list(read_episodes(out, on_damage=pytest.fail)), done.lines


@pytest.mark.parametrize("layout", ["v21", "v30"])
@pytest.mark.parametrize("format_", ["lerobot", "open-x"])
def test_both_layouts_give_the_same_episodes(layout, format_, request, tmp_path, seconds_of):
    root = request.getfixturevalue(layout)
    episodes, lines = bring(root, tmp_path / "out", format=format_)
    assert not lines
    assert [episode.actions for episode in episodes] == [
        (TASKS[0], TASKS[0], TASKS[1]),
        (TASKS[1], TASKS[1]),
    ]
    assert [episode.scene for episode in episodes] == ["episode 0", "episode 1"]
    for episode in episodes:
        expected = np.arange(len(episode.frames)) / 4
        assert seconds_of(episode.frames) == pytest.approx(expected, abs=0.12)


def test_a_camera_is_chosen_by_its_name(v30, tmp_path, seconds_of):
    episodes, _ = bring(v30, tmp_path / "out", camera=WRIST)
    assert seconds_of(episodes[1].frames)[0] == pytest.approx(1.0, abs=0.1)
    with pytest.raises(UnknownNameError, match=r"Did you mean 'observation.images.wrist'"):
        bring(v30, tmp_path / "none", camera="observation.images.wirst")


def test_pictures_inside_the_table_are_read_too(v21, tmp_path, bright, seconds_of):
    info = json.loads((v21 / "meta" / "info.json").read_text())
    info["features"][TOP]["dtype"] = "image"
    (v21 / "meta" / "info.json").write_text(json.dumps(info))
    for episode, length in enumerate(LENGTHS):
        pictures = []
        for frame in bright(length / RATE, rate=RATE):
            buffer = io.BytesIO()
            Image.fromarray(frame).save(buffer, "PNG")
            pictures.append({"bytes": buffer.getvalue(), "path": "x.png"})
        path = v21 / "data" / "chunk-000" / f"episode_{episode:06d}.parquet"
        write_table(path, rows_of(episode, length) | {TOP: pictures})
    episodes, lines = bring(v21, tmp_path / "out")
    assert not lines
    assert seconds_of(episodes[0].frames) == pytest.approx(np.arange(13) / 4, abs=0.06)


def spoil_video(root):
    (root / "videos" / "chunk-000" / TOP / "episode_000000.mp4").write_bytes(b"x" * 500)


def lose_video(root):
    (root / "videos" / "chunk-000" / TOP / "episode_000000.mp4").unlink()


def spoil_table(root):
    (root / "data" / "chunk-000" / "episode_000000.parquet").write_bytes(b"PAR1 no table PAR1")


def lose_rows(root):
    write_table(root / "data" / "chunk-000" / "episode_000000.parquet", rows_of(0, 11))


def lose_task(root):
    write_lines(root / "meta" / "tasks.jsonl", [{"task_index": 1, "task": TASKS[1]}])


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoil_video, "episode_000000.mp4 cannot be read as a video"),
        (lose_video, "episode_000000.mp4 is missing"),
        (spoil_table, "episode_000000.parquet cannot be read as Parquet"),
        (lose_rows, "it should have 31 rows, but has 11"),
        (lose_task, "its task 0 is in no table of tasks"),
    ],
)
def test_a_bad_episode_is_one_line_and_the_others_are_imported(v21, tmp_path, spoil, reason):
    spoil(v21)
    episodes, lines = bring(v21, tmp_path / "out")
    assert [episode.scene for episode in episodes] == ["episode 1"]
    assert len(lines) == 1
    assert lines[0].startswith("episode 0: ")
    assert reason in lines[0]
    assert "\n" not in lines[0]


def test_a_video_of_another_rate_is_one_line(v21, tmp_path, clip, bright):
    clip(v21 / "videos" / "chunk-000" / TOP / "episode_000001.mp4", bright(3, rate=20), rate=20)
    episodes, lines = bring(v21, tmp_path / "out")
    assert len(episodes) == 2
    assert len(lines) == 1
    assert lines[0].startswith("episode 1: ")
    assert "20 frames a second instead of 10" in lines[0]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("info.json", '{"codebase_version": "v4.0"}', "this reads v2.0, v2.1, v3.0"),
        ("info.json", "{", "as JSON"),
        ("episodes.jsonl", "{", "nothing in"),
        ("tasks.jsonl", '{"task": "x"}', "nothing in"),
    ],
)
def test_a_dataset_without_proper_notes_is_refused(v21, tmp_path, file, text, message):
    (v21 / "meta" / file).write_text(text)
    with pytest.raises(DataError, match=message):
        bring(v21, tmp_path / "out")


@pytest.mark.parametrize(
    ("file", "row", "line"),
    [
        ("tasks.jsonl", b'{"task_index": 2, "task": "caf\xe9"}', "not UTF-8 (byte 0xe9 at column"),
        ("tasks.jsonl", b"{", "no JSON"),
        ("tasks.jsonl", b'{"task": "x"}', "there is no 'task_index'; skipped"),
        ("episodes.jsonl", b'{"episode_index": 2}', "there is no 'length'; skipped"),
        ("episodes.jsonl", b"[1]", "should be a JSON object"),
    ],
)
def test_a_bad_row_of_the_notes_is_one_line_and_the_rest_is_imported(
    v21, tmp_path, file, row, line
):
    path = v21 / "meta" / file
    path.write_bytes(path.read_bytes() + row + b"\n")
    episodes, lines = bring(v21, tmp_path / "out")
    assert len(episodes) == 2
    assert len(lines) == 1
    assert lines[0].startswith(f"{file} row 3: ")
    assert line in lines[0]


@pytest.mark.parametrize("length", [0, 1])
def test_an_episode_without_length_is_one_line(v21, tmp_path, length):
    notes = [{"episode_index": 0, "length": length}, {"episode_index": 1, "length": LENGTHS[1]}]
    write_lines(v21 / "meta" / "episodes.jsonl", notes)
    write_table(v21 / "data" / "chunk-000" / "episode_000000.parquet", rows_of(0, length))
    episodes, lines = bring(v21, tmp_path / "out")
    assert [episode.scene for episode in episodes] == ["episode 1"]
    assert lines == (f"episode 0: it has {length} rows: an action needs two frames; skipped",)
