"""What `twospeed data show` finds in data that have known faults."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from twospeed.cli.app import main
from twospeed.core.pictures import fit_frame
from twospeed.data.index import write_index
from twospeed.data.likeness import alike, look_of
from twospeed.data.recorder import record
from twospeed.data.recording import RecordingConfig
from twospeed.data.shards import write_shard
from twospeed.data.sheets import SIDE, contact_sheet
from twospeed.data.statistics import describe, statistics_of
from twospeed.data.survey import survey


@pytest.fixture
def write(tmp_path, make_episode):
    """Return a function that writes a folder of episodes (seed, world, scene)."""

    def run(name, *episodes, **changes):
        made = [
            dataclasses.replace(make_episode(seed, size=16), world=world, scene=scene, **changes)
            for seed, world, scene in episodes
        ]
        write_shard(tmp_path / "data" / name / "a.tar", made)
        write_index(tmp_path / "data" / name)
        return made

    return run


@pytest.fixture
def mixed(write, tmp_path):
    """Two domains in two folders; one scene of kitchens stands on both sides of the split."""
    write("train", (0, "rooms", None), (1, "rooms", None), (2, "kitchens", "P01"))
    write(
        "test", (800_000, "kitchens", "P02"), (800_001, "kitchens", "P01"), (800_002, "rooms", None)
    )
    return tmp_path / "data"


def test_domains_are_counted_over_all_folders(mixed):
    found = statistics_of(survey(mixed))
    assert found.worlds == {"rooms": 3, "kitchens": 3}
    kitchens = found.domains["kitchens"]
    assert (kitchens.num_episodes, kitchens.num_test_episodes, kitchens.num_scenes) == (3, 2, 2)
    assert (kitchens.num_clips, kitchens.num_frames, kitchens.seconds) == (9, 39, 39 / 4)
    assert found.num_bytes == sum(path.stat().st_size for path in mixed.rglob("*.tar"))
    assert describe(mixed).domains == found.domains


def test_a_scene_on_both_sides_of_the_split_is_a_leak(mixed):
    assert describe(mixed).split_leaks == ("kitchens: P01",)


def test_a_clean_split_has_no_leak(write, tmp_path):
    write(
        "all", (0, "rooms", None), (1, "rooms", "x"), (800_000, "rooms", None), (800_001, "y", "x")
    )
    found = statistics_of(survey(tmp_path / "data"))
    assert (found.split_leaks, found.doubles, found.near_duplicates) == ((), (), ())


def test_episodes_that_are_there_twice_are_named(write, tmp_path):
    write("one", (3, "rooms", None), (4, "rooms", None))
    write("two", (3, "rooms", None), (3, "doom", None))
    assert describe(tmp_path / "data").doubles == ("episode 3 of rooms",)


def test_near_duplicates_across_the_split_come_first(write, tmp_path, random_frames):
    frames = random_frames(0, 13)
    noise = np.random.default_rng(1).normal(0, 3, frames.shape)
    almost = np.clip(frames + noise, 0, 255).astype(np.uint8)
    write("a", (0, "rooms", None), (1, "rooms", "same"), (2, "rooms", "same"), frames=frames)
    write("b", (800_000, "films", None), frames=almost)
    write("c", (5, "rooms", None), frames=random_frames(9, 13))
    found = statistics_of(survey(tmp_path / "data"))
    pairs = [(pair.one, pair.other, pair.across_split) for pair in found.near_duplicates]
    film = "episode 800000 of films"
    assert set(pairs[:3]) == {(f"episode {seed} of rooms", film, True) for seed in range(3)}
    inside = {("episode 0 of rooms", f"episode {seed} of rooms", False) for seed in (1, 2)}
    assert set(pairs[3:]) == inside
    assert found.num_near_duplicates == 5


def test_rooms_do_not_look_alike_and_their_copies_do(tmp_path):
    record(RecordingConfig(world="rooms", episodes=40, chunks=1, frame_size=32), tmp_path / "rooms")
    looks = [sample.look for sample in survey(tmp_path / "rooms").samples]
    assert list(alike(looks, [str(number) for number in range(40)])) == []
    copies = looks + looks
    found = list(alike(copies, [str(number) for number in range(80)]))
    assert [(one, other) for one, other, _ in found] == [(it, it + 40) for it in range(40)]
    assert list(alike(copies, [str(number % 40) for number in range(80)])) == []


def test_a_look_is_much_the_same_at_another_size():
    generator = np.random.default_rng(0)
    cells = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    big = np.asarray(Image.fromarray(cells).resize((128, 128), Image.Resampling.BICUBIC))
    pair = [look_of(big), look_of(fit_frame(big, (48, 48)))]
    assert len(list(alike(pair, ["a", "b"]))) == 1


def test_a_sheet_shows_the_frames_that_it_names(make_episode):
    episodes = [make_episode(seed, num_chunks=2 + seed, size=8) for seed in range(2)]
    sheet = contact_sheet(episodes)
    factor = SIDE // 8
    for column, index in enumerate((0, 4, 8)):
        left, top = 4 + column * (SIDE + 4), 4
        shown = sheet[top : top + SIDE : factor, left : left + SIDE : factor]
        assert np.array_equal(shown, episodes[0].frames[index])
    assert sheet.shape[1] == 4 + 4 * (SIDE + 4)


def test_the_command_writes_numbers_pictures_and_one_page(mixed, tmp_path, capsys):
    (mixed / "train" / "a.tar").rename(mixed / "train" / "b.tar")
    write_index(mixed / "train")
    (mixed / "train" / "c.tar").write_bytes((mixed / "test" / "a.tar").read_bytes())
    write_index(mixed / "train")
    (mixed / "train" / "c.tar").write_bytes(b"")
    out = tmp_path / "report"
    command = ["data", "show", str(mixed), "--json", str(tmp_path / "n.json"), "--out", str(out)]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "kitchens: 3 episodes (2 for testing), 9 clips, 2 scenes" in said
    assert "scenes both in training and in testing: 1\n  kitchens: P01" in said
    numbers = json.loads((tmp_path / "n.json").read_text())
    assert numbers["split_leaks"] == ["kitchens: P01"]
    assert len(numbers["damaged"]) == 1
    assert sum(numbers["words"].values()) == 2 * numbers["num_clips"]
    assert json.loads((out / "statistics.json").read_text()) == numbers
    pictures = sorted(path.name for path in out.glob("*.png"))
    assert pictures == [
        "chunks-an-episode.png",
        "clips-by-domain.png",
        "commonest-actions.png",
        "commonest-words.png",
        "sheet-kitchens.png",
        "sheet-rooms.png",
        "words-an-action.png",
    ]
    for name in pictures:
        assert np.asarray(Image.open(out / name)).std() > 10
    page = (out / "index.html").read_text()
    assert page.count("data:image/png;base64,") == len(pictures)
    assert "kitchens: P01" in page
    assert "c.tar is skipped" in page
    assert "http" not in page


def test_text_of_the_data_cannot_change_the_page(write, tmp_path):
    write("a", (0, "rooms", "<b>"), (800_000, "rooms", "<b>"), actions=("<script>x</script>",) * 3)
    assert main(["data", "show", str(tmp_path / "data"), "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "index.html").read_text()
    assert "<script" not in page
    assert "<b>" not in page


def test_a_folder_without_data_is_one_line(tmp_path, capsys):
    assert main(["data", "show", str(tmp_path)]) == 2
    assert "has no index.json" in capsys.readouterr().err
