"""What an import says it has taken and left out: counts that add up, a few lines a kind."""

import json

import numpy as np
import pytest

from twospeed.cli.app import main
from twospeed.core.errors import DataError
from twospeed.data.importers.account import Account, read_shard_account
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.run import LINES, import_recordings

HEAD = "video,start,end,action\n"


@pytest.fixture
def source(tmp_path, clip, bright):
    """A video of twelve seconds, and a table in which six kinds of things are wrong."""
    folder = tmp_path / "src"
    clip(folder / "v.mp4", bright(12))
    rows = ["v,0,2.6,walk", "v,2.8,5.8,turn", "v,5,7.8,look", "v,8,8.2,sit", "v,8.5,8.6,sit",
            *(f"v,{second},{second + 0.1},jump" for second in (8.8, 9.2, 9.6)), "v,9,9,sit",
            "v,10,14,stand", "w,0,2,walk", "v,0,x,walk"]  # fmt: skip
    (folder / "labels.csv").write_text(HEAD + "\n".join(rows) + "\n")
    return folder


def bring(source, out, **settings):
    said = []
    config = ImportConfig(**{"format": "videos", "name": "mine", "frame_size": 16} | settings)
    return import_recordings(config, source, out, say=said.append), said


def test_what_was_taken_is_counted_beside_what_is_listed(source, tmp_path):
    done, said = bring(source, tmp_path / "out", episodes_per_shard=1)
    assert (done.num_episodes, done.num_planned) == (3, 3)
    assert (done.num_entries, done.num_listed) == (4, 12)
    assert done.num_chunks == 2 + 5 + 2
    assert done.num_frames == done.num_chunks * 4 + done.num_episodes
    assert done.seconds == pytest.approx(2 + 5 + 2)
    labelled = 2.6 + 3 + 2.8 + 0.2 + 4 * 0.1 + 4
    assert done.seconds_listed == pytest.approx(labelled)
    assert len(done.lines) == 10
    assert "5 in all: segments too short for a chunk, skipped" in said
    assert sum("too short" in line for line in said) == 4


def test_all_lines_are_kept_in_the_folder_and_the_same_again(source, tmp_path):
    done, said = bring(source, tmp_path / "out")
    text = (tmp_path / "out" / LINES).read_text(encoding="utf-8")
    assert text.splitlines() == list(done.lines)
    again, said_again = bring(source, tmp_path / "out")
    assert (again, said_again) == (done, said)


def test_the_command_says_it_in_one_line(source, tmp_path, capsys):
    command = ["import", "videos", str(source), "--out", str(tmp_path / "out"), "--size", "16"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert out.startswith("imported 3 of 3 episodes, 39 frames, ")
    assert out.endswith(
        "; 9 chunks (9.0 of 13.0 s) from 4 of 12 rows; 9 lines above, all 10 in"
        f" {tmp_path / 'out' / LINES}\n"
    )


def test_each_kind_is_a_few_lines_and_a_count():
    account = Account()
    for number in range(1, 6):
        account.say(f"row {number}: late", kind="rows that are late")
        account(f"row {number} alone")
    assert list(account.summary()) == [
        "row 1: late",
        "row 2: late",
        "row 3: late",
        "5 in all: rows that are late",
        *(f"row {number} alone" for number in range(1, 6)),
    ]


def test_scenes_of_the_other_part_are_named(source, tmp_path):
    config = ImportConfig(format="videos", name="mine", frame_size=16, scenes="test")
    said = []
    with pytest.raises(DataError, match="nothing in"):
        import_recordings(config, source, tmp_path / "out", say=said.append)
    assert said[-1] == "v: no scene of --scenes test; skipped"


def test_logged_episodes_are_counted_too(tmp_path):
    source = tmp_path / "src"
    source.mkdir()
    frames, actions = np.zeros((24, 16, 16, 3), np.uint8), np.array(["go"] * 24)
    ends = np.isin(np.arange(24), (8, 10, 23))
    np.savez(source / "log.npz", frames=frames, actions=actions, dones=ends)
    np.savez(source / "bad.npz", frames=frames, actions=actions[:3])
    done, said = bring(source, tmp_path / "out", format="gymnasium")
    assert (done.num_episodes, done.num_entries, done.num_listed) == (2, 2, 4)
    assert done.num_chunks == 2 + 3
    assert sorted(line.partition(":")[0] for line in said) == ["bad.npz", "log.npz episode 1"]


def test_a_damaged_account_says_that_it_can_be_removed(source, tmp_path):
    bring(source, tmp_path / "out")
    (path,) = (tmp_path / "out" / "account").glob("*.json")
    whole = json.loads(path.read_text())
    path.write_text(json.dumps(whole | {"num_chunks": "many"}))
    with pytest.raises(DataError, match="is damaged, remove it: num_chunks takes a whole number"):
        bring(source, tmp_path / "out")
    path.unlink()
    bring(source, tmp_path / "out")
    assert read_shard_account(path).num_chunks == 9
