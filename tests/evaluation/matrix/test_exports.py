import json

import numpy as np
import pytest

from twospeed.core.errors import DataError
from twospeed.core.files import write_json
from twospeed.core.video import write_video
from twospeed.evaluation.matrix.exports import export_mind, export_wbench
from twospeed.evaluation.matrix.paper import TABLES, markdown_of
from twospeed.evaluation.matrix.table import MEMORIES
from twospeed.evaluation.videos.summary import METRICS


@pytest.fixture
def run(tmp_path):
    """A run of one episode of 5 chunks, 2 of them seen."""
    for arm in ("paper", "real"):
        place = tmp_path / "run" / "episodes" / arm / "000000500.mp4"
        write_video(place, np.zeros((12, 16, 16, 3), np.uint8), frames_per_second=8)
        record = {
            "actions": ["go forward", "turn left", "turn right", "go back", "go forward"],
            "first_judged": 9,
            "frames": {"scene_cuts": [0.0] * 12},
        }
        write_json(place.with_suffix(".json"), record)
    return tmp_path / "run"


def test_mind_finds_its_folders_and_the_keys_of_every_generated_frame(run, tmp_path):
    assert export_mind(run, "paper", tmp_path / "mind") == 1
    assert (tmp_path / "mind/paper/1st_data/mem_test/000000500/video.mp4").is_file()
    for folder in ("1st_data/test/action_space_test", "3rd_data/test/mem_test"):
        assert (tmp_path / "mind/gt" / folder).is_dir()
    true = tmp_path / "mind/gt/1st_data/test/mem_test/000000500"
    assert (true / "video.mp4").is_file()
    action = json.loads((true / "action.json").read_text(encoding="utf-8"))
    assert action["total_time"] - action["mark_time"] == len(action["data"]) == 12
    assert action["data"][0] == {"ws": 0, "ad": 0, "ud": 0, "lr": 2}
    assert action["data"][4] == {"ws": 2, "ad": 0, "ud": 0, "lr": 0}
    assert action["data"][11] == {"ws": 1, "ad": 0, "ud": 0, "lr": 0}


def test_wbench_finds_its_turns(run, tmp_path):
    assert export_wbench(run, "paper", tmp_path / "wbench") == 1
    folder = tmp_path / "wbench" / "paper"
    assert (folder / "videos" / "case_000000500_combined.mp4").is_file()
    turns = json.loads((folder / "turns.json").read_text(encoding="utf-8"))["000000500"]
    assert [it["prompt"] for it in turns] == ["turn right", "go back", "go forward"]
    assert [it["first_frame"] for it in turns] == [0, 4, 8]
    case = json.loads((folder / "cases/case_000000500.json").read_text(encoding="utf-8"))
    assert [it["action"] for it in case["interactions"]] == ["right", "S", "W"]


def test_a_run_without_such_clips_is_one_line(run, tmp_path):
    with pytest.raises(DataError, match="holds no clips of 'other'"):
        export_mind(run, "other", tmp_path / "mind")


def test_the_tables_of_the_paper_name_what_there_is():
    for table in TABLES.values():
        assert set(table.memories) <= MEMORIES.keys()
        for metrics in table.columns.values():
            assert set(metrics) <= {*METRICS, "motion_kept"}


def test_a_table_is_written_as_markdown():
    row = {
        "a psnr_db": {"mean": 1.5, "low": 1, "high": 2, "n": 3},
        "a lpips": {"not_computed": "x"},
    }
    text = markdown_of({"memories": {"none": row}, "controls": {"truth": row}})
    assert text.splitlines()[0] == "| | a psnr_db | a lpips |"
    assert text.splitlines()[2] == "| none | 1.50 [1.00, 2.00] | - |"
