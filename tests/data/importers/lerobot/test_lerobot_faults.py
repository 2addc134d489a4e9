"""LeRobot datasets whose notes, rows and videos do not agree: never a frame of another episode."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from twospeed.core.errors import DataError
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.run import import_recordings
from twospeed.data.index import read_episodes

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

RATE, LENGTH = 20, 40
CAMERA = "observation.images.top"
TASKS = ["pick it up", "put it back"]
WHOLE = ("pick it up", "put it back")


def rows_of(episode):
    return [
        {
            "episode_index": episode,
            "frame_index": row,
            "timestamp": row / RATE,
            "task_index": int(row >= LENGTH // 2),
        }
        for row in range(LENGTH)
    ]


def numbered(number):
    """Return a frame (32, 32, 3) of eight black and white bars that say its number."""
    bars = [255 * (number >> bit & 1) for bit in range(8)]
    return np.broadcast_to(np.repeat(bars, 4)[None, :, None], (32, 32, 3)).astype(np.uint8)


def number_of(frame):
    return sum(int(frame[8, 2 * bit : 2 * bit + 2].mean() > 128) << bit for bit in range(8))


class Dataset:
    """Three episodes of two seconds in one table and one video; each part can be spoiled."""

    def __init__(self):
        self.info = {
            "codebase_version": "v3.0",
            "fps": RATE,
            "chunks_size": 1000,
            "total_episodes": 3,
            "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
            "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
            "features": {CAMERA: {"dtype": "video", "shape": [32, 48, 3]}},
        }
        self.tasks = [{"task_index": 0, "task": TASKS[0]}, {"task_index": 1, "task": TASKS[1]}]
        self.rows = [rows_of(episode) for episode in range(3)]
        key, span = f"videos/{CAMERA}", LENGTH / RATE
        self.episodes = [
            {
                "episode_index": episode,
                "length": LENGTH,
                "data/chunk_index": 0,
                "data/file_index": 0,
                f"{key}/chunk_index": 0,
                f"{key}/file_index": 0,
                f"{key}/from_timestamp": episode * span,
                f"{key}/to_timestamp": (episode + 1) * span,
            }
            for episode in range(3)
        ]

    def write(self, root, clip):
        (root / "meta").mkdir(parents=True)
        (root / "meta" / "info.json").write_text(json.dumps(self.info))
        write_table(root / "meta" / "tasks.parquet", self.tasks)
        write_table(root / "meta" / "episodes" / "chunk-000" / "file-000.parquet", self.episodes)
        rows = [row for part in self.rows for row in part]
        write_table(root / "data" / "chunk-000" / "file-000.parquet", rows)
        frames = np.stack([numbered(row) for row in range(3 * LENGTH)])
        clip(root / "videos" / CAMERA / "chunk-000" / "file-000.mp4", frames, rate=RATE)


def write_table(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)


@pytest.fixture
def bring(tmp_path, clip):
    """Return a function that spoils a dataset and imports it: (episodes, lines)."""

    def run(spoil=lambda _: None, then=lambda _: None):
        dataset = Dataset()
        spoil(dataset)
        dataset.write(tmp_path / "set", clip)
        then(tmp_path / "set")
        config = ImportConfig(format="lerobot", name="robot", frame_size=16)
        done = import_recordings(config, tmp_path / "set", tmp_path / "out")
        return list(read_episodes(tmp_path / "out")), done.lines

    return run


def check_rows(episodes):
    """Hold every episode to its own rows: the last one is shown where the next one would begin."""
    for episode in episodes:
        begin = int(episode.scene.split()[1]) * LENGTH
        assert episode.actions == WHOLE
        assert list(map(number_of, episode.frames)) == [
            begin + row for row in (*range(0, 40, 5), 39)
        ]


def shift(seconds):
    def spoil(dataset):
        for episode in dataset.episodes[1:]:
            episode[f"videos/{CAMERA}/from_timestamp"] += seconds
            dataset.episodes[0][f"videos/{CAMERA}/to_timestamp"] += seconds

    return spoil


@pytest.mark.parametrize("seconds", [0.0, -0.008, 0.008, -0.02, 0.02])
def test_frames_are_those_of_the_rows_also_with_clocks_that_are_off(bring, seconds):
    episodes, lines = bring(shift(seconds))
    assert not lines
    assert len(episodes) == 3
    check_rows(episodes)


def rename_tasks(dataset):
    dataset.tasks = [{"task_index": it["task_index"], "words": it["task"]} for it in dataset.tasks]


def lose_second(dataset):
    del dataset.rows[1], dataset.episodes[1]
    dataset.info["total_episodes"] = 2


def lose_order(dataset):
    dataset.rows.reverse()
    dataset.episodes.reverse()


@pytest.mark.parametrize("spoil", [rename_tasks, lose_second, lose_order])
def test_what_is_unusual_and_says_all_the_same_is_read(bring, spoil):
    episodes, lines = bring(spoil)
    assert not lines
    assert len(episodes) == (2 if spoil is lose_second else 3)
    check_rows(episodes)


def in_episode(key, value):
    return lambda dataset: dataset.episodes[1].update({key: value})


def in_row(**values):
    return lambda dataset: dataset.rows[1][10].update(values)


def double_rows(dataset):
    dataset.rows.append(dataset.rows[1][:5])


def lose_a_row(dataset):
    del dataset.rows[1][10]
    dataset.episodes[1]["length"] -= 1


def lose_rows(dataset):
    del dataset.rows[1]


SPAN = f"videos/{CAMERA}/from_timestamp"
FAULTS = {
    "longer in meta": (in_episode("length", 80), "it should have 80 rows, but has 40"),
    "shorter in meta": (in_episode("length", 20), "it should have 20 rows, but has 40"),
    "no rows": (lose_rows, "file-000.parquet has no rows of it"),
    "rows twice": (double_rows, "it should have 40 rows, but has 45"),
    "a row lost": (lose_a_row, "its row 10 has the frame_index 11, where 10 follows from 20"),
    "another clock": (in_row(timestamp=0.9), "its row 10 has the timestamp 0.9, where 0.5 follows"),
    "no time": (in_row(timestamp=None), "its row 10 has the timestamp nan"),
    "no task": (in_row(task_index=None), "1 of its rows have no task (row 10 first)"),
    "task -1": (in_row(task_index=-1), "its task -1 is in no table of tasks"),
    "video too short": (in_episode(f"videos/{CAMERA}/to_timestamp", 3.0),
                        "its video lies from 2.00 to 3.00 s, which is 20 frames, but it has 40"),
    "no start": (in_episode(SPAN, None), f"{SPAN} takes a number, got None"),
    "start NaN": (in_episode(SPAN, float("nan")), f"{SPAN} must be a finite number"),
    "negative": (in_episode("length", -40), "length must be 0 or more, got -40"),
    "other file": (in_episode("data/file_index", 7), "file-007.parquet is missing"),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "reason"), FAULTS.values(), ids=FAULTS)
def test_an_episode_that_does_not_agree_is_one_line_and_the_others_are_whole(bring, spoil, reason):
    episodes, lines = bring(spoil)
    assert [it.scene for it in episodes] == ["episode 0", "episode 2"]
    assert len(lines) == 1
    assert lines[0].startswith("episode 1: ")
    assert reason in lines[0]
    assert lines[0].endswith("; skipped")
    check_rows(episodes)


@pytest.mark.parametrize("early", [0.03, 0.5, 1.5])
def test_episodes_that_share_a_stretch_of_the_video_are_both_left_out(bring, early):
    def spoil(dataset):
        for it in ("from", "to"):
            dataset.episodes[1][f"videos/{CAMERA}/{it}_timestamp"] -= early

    episodes, lines = bring(spoil)
    assert [it.scene for it in episodes] == ["episode 2"]
    assert len(lines) == 1
    assert lines[0].startswith("episode 0 and episode 1: both lie at ")
    check_rows(episodes)


def test_more_episodes_promised_than_listed_is_one_line(bring):
    episodes, lines = bring(lambda dataset: dataset.info.update(total_episodes=7))
    assert lines == ("meta/info.json: it counts 7 episodes, meta lists 3",)
    check_rows(episodes)


def in_info(**values):
    return lambda dataset: dataset.info.update(values)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (in_info(fps=0), "meta/info.json: fps must be above 0, got 0"),
        (in_info(fps="20"), "meta/info.json: fps takes a number, got '20'"),
        (in_info(fps=float("nan")), "fps must be a finite number"),
        (in_info(fps=1e9), "fps must be 1,000 or less"),
        (in_info(fps=None), "fps takes a number, got None"),
        (in_info(chunks_size=0), "chunks_size must be 1 or more"),
        (in_info(features=[CAMERA]), "features takes an object"),
        (in_info(features={CAMERA: None}), "takes an object"),
        (in_info(features={CAMERA: {"dtype": ["video"]}}), "the dataset has no camera"),
        (in_info(codebase_version=["v3.0"]), "this reads v2.0, v2.1, v3.0"),
        (lambda dataset: dataset.tasks[0].update(other="x"), None),
        (lambda dataset: [it.update(task=1) for it in dataset.tasks], "no column 'task' of texts"),
        (lambda dataset: [it.update(a=it["task"], b=it.pop("task")) for it in dataset.tasks],
         r"no column 'task' of texts \(columns: task_index, a, b\)"),
    ],
)  # fmt: skip
def test_notes_that_cannot_be_right_are_one_line(bring, spoil, message):
    if message is None:
        assert not bring(spoil)[1]
        return
    with pytest.raises(DataError, match=message) as caught:
        bring(spoil)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "template",
    ["/etc/{chunk_index}", "../{chunk_index}/x", "{0}", "{chunk_index.__class__}", "{x}", 7, "a\0b",
     "{chunk_index:9999999999d}", "{chunk_index!r}"],
)  # fmt: skip
def test_a_template_leads_to_no_place_outside(bring, template):
    with pytest.raises(DataError, match="nothing in"):
        bring(in_info(data_path=template))


def test_info_nested_without_end_is_one_line(bring):
    deep = "[" * 100_000 + "]" * 100_000

    def then(root):
        (root / "meta" / "info.json").write_text(
            '{"codebase_version": "v3.0", "fps": ' + deep + "}"
        )

    with pytest.raises(DataError, match="nested deeper"):
        bring(then=then)


@pytest.mark.parametrize("spoiled", ["tasks.parquet", "episodes/chunk-000/file-000.parquet"])
def test_broken_notes_are_one_line(bring, spoiled):
    def then(root):
        path = root / "meta" / spoiled
        path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(DataError, match=r"parquet cannot be read as Parquet: ") as caught:
        bring(then=then)
    assert "\n" not in str(caught.value)


def test_a_column_of_texts_for_numbers_is_one_line_an_episode(bring):
    def spoil(dataset):
        for row in dataset.rows[0] + dataset.rows[1] + dataset.rows[2]:
            row["task_index"] = str(row["task_index"])

    with pytest.raises(DataError, match="nothing in"):
        bring(spoil)


def test_a_camera_without_pictures_in_the_table_is_one_line(bring, tmp_path):
    spoil = in_info(features={CAMERA: {"dtype": "image"}})
    with pytest.raises(DataError, match="nothing in"):
        bring(spoil)
    (path,) = (tmp_path / "out" / "account").glob("*.json")
    assert f"has no column '{CAMERA}'" in path.read_text()


def as_picture(level):
    buffer = io.BytesIO()
    Image.fromarray(np.full((32, 48, 3), level, np.uint8)).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": "x.png"}


@pytest.mark.parametrize("bad", [None, {"bytes": None, "path": "x.png"}, {"bytes": b"\x89PNG"}])
def test_pictures_in_the_table_keep_to_their_rows_and_a_broken_one_ends_its_episode(bring, bad):
    def spoil(dataset):
        dataset.info["features"][CAMERA]["dtype"] = "image"
        for episode, rows in enumerate(dataset.rows):
            for row, values in enumerate(rows):
                values[CAMERA] = as_picture(80 * episode + row)
        dataset.rows[1][30][CAMERA] = bad

    episodes, lines = bring(spoil)
    levels = [it.frames[:, 0, 0, 0].tolist() for it in episodes]
    rows = [*range(0, 40, 5), 39]
    assert levels == [rows, [80 + row for row in rows[:5]], [160 + row for row in rows]]
    assert len(lines) == 1
    assert "has no whole picture at 1.5" in lines[0]


LINKED = ["data", "videos", "meta/episodes", "data/chunk-000/file-000.parquet"]


@pytest.mark.parametrize("part", LINKED)
def test_links_that_lead_out_of_a_dataset_are_not_followed(bring, tmp_path, part):
    def link(root):
        (root / part).rename(tmp_path / "elsewhere")
        (root / part).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(DataError, match=r"leads out of set|nothing in .*set can"):
        bring(then=link)


TEMPLATES = ["../{video_key}.mp4", "/x.mp4", "a\x1b[2J.mp4", "{video_key.__class__}.mp4", "{}"]


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_names_places_below_the_dataset_alone(bring, template):
    with pytest.raises(DataError, match="nothing in") as caught:
        bring(lambda dataset: dataset.info.update(video_path=template))
    assert "\x1b" not in str(caught.value)
