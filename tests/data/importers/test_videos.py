"""Videos with tables of labels, as people have them, with everything that is wrong with them."""

import json

import numpy as np
import pytest

from twospeed.cli.app import main
from twospeed.core.errors import ConfigError, DataError, UnknownNameError
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.run import import_recordings
from twospeed.data.index import read_episodes, read_index

HEAD = "video,start,end,action\n"


@pytest.fixture
def bring(tmp_path, src):
    """Return a function that imports `src` with other settings: (episodes, lines, out)."""

    def run(*, out="out", workers=1, **settings):
        settings = {"format": "videos", "name": "mine", "frame_size": 16} | settings
        done = import_recordings(ImportConfig(**settings), src, tmp_path / out, workers=workers)
        return (
            list(read_episodes(tmp_path / out, on_damage=pytest.fail)),
            done.lines,
            tmp_path / out,
        )

    return run


@pytest.fixture
def src(tmp_path, clip, bright):
    """A folder with a good video of six seconds, and one row about it."""
    clip(tmp_path / "src" / "good.mp4", bright(6))
    (tmp_path / "src" / "labels.csv").write_text(HEAD + "good.mp4,1,3,open the door\n")
    return tmp_path / "src"


def add(src, *rows):
    with (src / "labels.csv").open("a") as file:
        file.writelines(f"{row}\n" for row in rows)


def test_a_segment_becomes_chunks_whose_frames_are_those_of_their_times(bring, seconds_of):
    episodes, lines, _ = bring()
    assert not lines
    (episode,) = episodes
    assert episode.actions == ("open the door", "open the door")
    assert (episode.world, episode.seed, episode.scene) == ("mine", 0, "good")
    assert episode.frames.shape == (9, 16, 16, 3)
    assert seconds_of(episode.frames) == pytest.approx(np.arange(9) / 4 + 1, abs=0.1)


def test_segments_that_follow_one_another_are_one_episode(src, bring, seconds_of):
    add(src, "good.mp4,3.05,4,close it", "good.mp4,4.5,5.6,look")
    episodes, lines, _ = bring()
    assert not lines
    assert [episode.actions for episode in episodes] == [
        ("open the door", "open the door", "close it"),
        ("look",),
    ]
    assert seconds_of(episodes[1].frames)[0] == pytest.approx(4.5, abs=0.1)


@pytest.mark.parametrize(
    ("fps", "chunk_frames", "shape"), [(10.0, 5, (21, 16, 16, 3)), (2.0, 2, (5, 16, 16, 3))]
)
def test_rate_size_and_chunks_are_those_asked_for(bring, fps, chunk_frames, shape, seconds_of):
    (episode,), _, _ = bring(frames_per_second=fps, chunk_frames=chunk_frames)
    assert episode.frames.shape == shape
    assert len(episode.actions) == (shape[0] - 1) // chunk_frames
    assert seconds_of(episode.frames) == pytest.approx(np.arange(shape[0]) / fps + 1, abs=0.1)


def test_jsonl_and_clock_times_say_the_same(src, bring):
    (from_csv,), _, _ = bring()
    (src / "labels.csv").unlink()
    row = {"video": "good", "start": "0:01.0", "end": 3, "action": " open  the door "}
    (src / "labels.jsonl").write_text(json.dumps(row) + "\n\n")
    (from_json,), _, _ = bring(out="again")
    assert np.array_equal(from_json.frames, from_csv.frames)
    assert from_json.actions == from_csv.actions


ROWS = {
    "zero length": ("good.mp4,4,4,x", "labels.csv row 3: the segment 4.00 to 4.00 s has no length"),
    "backwards": ("good.mp4,5,4,x", "labels.csv row 3: the segment 5.00 to 4.00 s has no length"),
    "overlap": ("good.mp4,2.5,5,x", "labels.csv row 3: the segment 2.50 to 5.00 s overlaps"),
    "too short": ("good.mp4,4,4.3,x", "labels.csv row 3: 0.30 s are too short for a chunk of 1 s"),
    "past the end": ("good.mp4,7,9,x", "labels.csv row 3: good.mp4 ends before the segment"),
    "no number": ("good.mp4,four,5,x", "labels.csv row 3: 'four' is no time"),
    "negative": ("good.mp4,-4,5,x", "labels.csv row 3: '-4' is no time"),
    "infinite": ("good.mp4,4,inf,x", "labels.csv row 3: 'inf' is no time"),
    "no action": ("good.mp4,4,5, ", "labels.csv row 3: there is no 'action'"),
    "short row": ("good.mp4,4", "labels.csv row 3: there is no 'end'"),
    "no video": ("bad.mp4,4,5,x", "labels.csv row 3: there is no video 'bad.mp4'"),
}  # fmt: skip


@pytest.mark.parametrize(("row", "line"), ROWS.values(), ids=ROWS)
def test_a_bad_row_is_one_line_and_the_rest_is_imported(src, bring, row, line):
    add(src, row)
    episodes, lines, _ = bring()
    assert [episode.actions[0] for episode in episodes] == ["open the door"]
    assert len(lines) == 1
    assert lines[0].startswith(line)
    assert "\n" not in lines[0]


def test_text_that_is_not_utf8_is_one_line(src, bring):
    with (src / "labels.csv").open("ab") as file:
        file.write("good.mp4,3,4,öffnen\n".encode("latin-1") + b"good.mp4,4,5,z\xc3\xbcgig\n")
    episodes, lines, _ = bring()
    assert [episode.actions for episode in episodes] == [("open the door",) * 2, ("zügig",)]
    assert len(lines) == 1
    assert lines[0].startswith("labels.csv row 3: not UTF-8 (byte 0xf6")


@pytest.mark.parametrize(
    ("table", "text", "line"),
    [
        ("a.csv", "video,strat,end,action\ngood.mp4,4,5,x", "no column 'start': is it 'strat'?"),
        ("a.csv", "", "there is no column 'video' (columns: none)"),
        ("a.jsonl", '{"video": "good", "start": 4, "action": "x"}', "there is no 'end'"),
        ("a.jsonl", "{", "no JSON"),
        ("a.jsonl", "[4]", "should be a JSON object, is a list"),
    ],
)  # fmt: skip
def test_a_bad_table_is_one_line_and_the_rest_is_imported(src, bring, table, text, line):
    (src / table).write_text(text)
    episodes, lines, _ = bring()
    assert len(episodes) == 1
    assert len(lines) == 1
    assert lines[0].startswith(f"{table} row 1: ")
    assert line in lines[0]


def broken(src, **_):
    (src / "odd.mp4").write_bytes(b"no video" * 200)


def cut_off(src, clip, bright):
    content = clip(src / "odd.mp4", bright(6)).read_bytes()
    (src / "odd.mp4").write_bytes(content[: len(content) // 2])


def sound_only(src, clip, **_):
    clip(src / "odd.mp4", None, sound=True)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (broken, "cannot be read as a video"),
        (cut_off, "cannot be read as a video"),
        (sound_only, "holds sound only, no picture"),
    ],
)
def test_a_bad_video_is_one_line_and_the_rest_is_imported(src, bring, clip, bright, spoil, reason):
    spoil(src, clip=clip, bright=bright)
    add(src, "odd.mp4,1,3,x", "odd.mp4,3.5,5,y")
    episodes, lines, _ = bring()
    assert [episode.scene for episode in episodes] == ["good"]
    assert len(lines) == 1
    assert lines[0].startswith("labels.csv row 3 and 1 more: odd.mp4 ")
    assert reason in lines[0]


def test_what_comes_before_the_damage_is_kept(src, bring, clip, bright, seconds_of):
    video = clip(src / "odd.mkv", bright(12))
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    add(src, "odd.mkv,1,3,x", "odd.mkv,3.5,11,y", "odd.mkv,11.2,12,z")
    episodes, lines, _ = bring()
    assert [episode.actions[0] for episode in episodes] == ["open the door", "x", "y"]
    frames = episodes[2].frames
    assert seconds_of(frames) == pytest.approx(3.5 + np.arange(len(frames)) / 4, abs=0.1)
    assert 5 <= len(frames) < 4 * 7
    assert all("odd.mkv" in line for line in lines)


def test_a_portrait_video_is_imported_with_one_line(src, bring, clip, bright):
    frames = bright(3, width=32, height=64)
    frames[:, :16] = 255  # above the middle square
    clip(src / "tall.mp4", frames)
    add(src, "tall.mp4,0,2,x")
    episodes, lines, _ = bring()
    assert lines == ("labels.csv row 3: tall.mp4: portrait, 32x64; the middle square is taken",)
    assert episodes[1].frames[0, :, :8].max() < 40


def test_a_video_that_is_turned_by_its_header_stands_upright(src, bring, clip, bright):
    clip(src / "turned.mp4", bright(3, width=64, height=32), rotation=90)
    add(src, "turned.mp4,0,2,x")
    episodes, lines, _ = bring()
    frame = episodes[1].frames[0]
    assert len(lines) == 1
    assert "portrait, 32x64" in lines[0]
    assert frame.max() < 40  # the white edge is above or below the middle square now


def test_a_change_of_the_frame_rate_is_one_line_and_the_times_hold(
    src, bring, clip, bright, seconds_of
):
    frames = bright(6)
    kept = [index for index in range(len(frames)) if index < 60 or index % 4 == 0]
    clip(src / "uneven.mp4", frames[kept], times=[index / 20 for index in kept])
    add(src, "uneven.mp4,1,5,x")
    episodes, lines, _ = bring()
    assert len(lines) == 1
    assert lines[0].startswith("labels.csv row 3: uneven.mp4: its frame rate changes at 3.")
    assert "from 20 to 5 a second" in lines[0]
    assert seconds_of(episodes[1].frames) == pytest.approx(1 + np.arange(17) / 4, abs=0.21)


def test_one_lost_frame_is_no_change_of_rate(src, bring, clip, bright):
    frames = np.delete(bright(6), 50, axis=0)
    clip(src / "good.mp4", frames, times=[it / 20 for it in range(120) if it != 50])
    _, lines, _ = bring()
    assert not lines


def test_a_late_segment_is_jumped_to(src, bring, clip, bright, seconds_of):
    clip(src / "long.mp4", bright(12, rate=4), rate=4, times=np.arange(48) * 5 / 20 * 10)
    add(src, "long.mp4,2,4,x", "long.mp4,70,73,y")
    episodes, _, _ = bring()
    assert seconds_of(episodes[-1].frames)[0] == pytest.approx(7.0, abs=0.1)


def test_names_below_the_folder_and_without_ending_are_found(src, bring, clip, bright):
    clip(src / "deep" / "down.mkv", bright(2))
    add(src, "down,0,1,a", "deep/down.mkv,1,2,b")
    episodes, lines, _ = bring()
    assert not lines
    assert episodes[0].scene == "deep/down"
    assert episodes[0].actions == ("a", "b")


def test_a_name_that_two_videos_have_is_one_line(src, bring, clip, bright):
    for folder in ("a", "b"):
        clip(src / folder / "x.mp4", bright(2))
    add(src, "x.mp4,0,1,a", "b/x.mp4,0,1,b")
    episodes, lines, _ = bring()
    assert lines == (
        "labels.csv row 3: there is a video 'x.mp4' in each of a, b: name it so; skipped",
    )
    assert episodes[0].scene == "b/x"


def test_scenes_are_split_by_their_names_and_never_stand_on_both_sides(src, bring):
    video = (src / "good.mp4").read_bytes()
    for number in range(30):
        (src / f"v{number}.mp4").write_bytes(video)
        add(src, f"v{number}.mp4,0,1,a", f"v{number}.mp4,2,3,b")
    scenes = {}
    for side, seed in (("all", 0), ("train", 0), ("test", 800_000)):
        episodes, _, _ = bring(scenes=side, out=side, first_seed=seed)
        scenes[side] = {episode.scene for episode in episodes}
        assert [episode.seed for episode in episodes] == [seed + i for i in range(len(episodes))]
    assert not scenes["train"] & scenes["test"]
    assert scenes["train"] | scenes["test"] == scenes["all"]
    assert 0 < len(scenes["test"]) < 10


def contents(folder):
    return {
        str(it.relative_to(folder)): it.read_bytes() for it in folder.rglob("*") if it.is_file()
    }


def test_an_import_goes_on_where_it_was_and_says_the_same_again(src, bring, clip, bright):
    clip(src / "odd.mp4", bright(2))
    rows = [f"good.mp4,{second},{second + 0.8},x" for second in (0.1, 3.2, 4.2)]
    add(src, *rows, "odd.mp4,0,1,z", "odd.mp4,5,6,z")
    _, lines, whole = bring(episodes_per_shard=2)
    _, same_lines, two = bring(episodes_per_shard=2, workers=2, out="two")
    assert lines == same_lines
    assert [line.partition(":")[0] for line in lines] == ["labels.csv row 7"]
    assert contents(whole) == contents(two)
    before = contents(whole)
    shards = sorted(whole.glob("*.tar"))
    shards[0].write_bytes(shards[0].read_bytes()[:500])
    (whole / "account" / f"{shards[1].stem}.json").unlink()
    (whole / "index.json").unlink()
    _, again, _ = bring(episodes_per_shard=2)
    assert again == lines
    assert contents(whole) == before
    assert [entry.seeds for entry in read_index(whole)] == [(0, 1), (2, 3)]


def test_another_import_is_not_mixed_in(src, bring, tmp_path):
    bring()
    add(src, "good.mp4,4,5,x")
    with pytest.raises(DataError, match="holds another import"):
        bring()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("")
    with pytest.raises(DataError, match="holds other files"):
        bring(out="mine")


def test_nothing_to_import_is_an_error_that_the_command_explains(src, tmp_path, capsys):
    (src / "labels.csv").write_text(HEAD + "bad.mp4,0,1,x\n")
    assert main(["import", "videos", str(src), "--out", str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "labels.csv row 2: there is no video 'bad.mp4'; skipped"
    assert lines[1].startswith("twospeed: nothing in ")
    assert not (tmp_path / "out").exists()
    broken(src)
    (src / "labels.csv").write_text(HEAD + "odd.mp4,0,1,x\n")
    assert main(["import", "videos", str(src), "--out", str(tmp_path / "out")]) == 2


def test_the_command_says_what_it_did(src, tmp_path, capsys):
    add(src, "good.mp4,4,4,x")
    command = ["import", "videos", str(src), "--out", str(tmp_path / "out"), "--size", "16"]
    assert main(command) == 0
    said = capsys.readouterr()
    assert said.out.startswith("imported 1 of 1 episodes, 9 frames, 0.0 MB")
    assert said.out.endswith("1 lines above\n")
    assert "labels.csv row 3" in said.err


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"format": "vidoes"}, UnknownNameError, "Did you mean 'videos'"),
        ({"name": "My Data"}, ConfigError, "give one by --name"),
        ({"frame_size": 4}, ConfigError, "frame_size must be 8 or more, got"),
        ({"frames_per_second": 0.0}, ConfigError, "above 0"),
        ({"chunk_frames": 0}, ConfigError, "must be 1 or more, got"),
        ({"scenes": "some"}, ConfigError, "all, train, test"),
        ({"first_seed": -1}, ConfigError, "0 or more"),
    ],
)
def test_a_wrong_setting_is_refused(bring, settings, error, message):
    with pytest.raises(error, match=message):
        bring(**settings)


def test_seeds_do_not_run_into_those_for_testing(src, bring):
    add(src, "good.mp4,4,5,x")
    with pytest.raises(ConfigError, match="cross 800000"):
        bring(first_seed=799_999)


EPIC = """\
narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame,\
stop_frame,narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes
P01_01_0,P01,P01_01,00:00:00.560,00:00:00.50,00:00:02.51,30,150,open door,open,3,door,8,['door'],[8]
P01_01_1,P01,P01_01,00:00:02.560,00:00:02.40,00:00:04.00,144,240,turn-on light and tap,turn-on,6,\
light,114,"['light', 'tap']","[114, 0]"
P01_01_2,P01,P01_01,00:00:04.060,00:00:04.00,00:00:05.12,240,307,close door,close,4,\
door,8,['door'],[8]
P09_09_0,P09,P09_09,00:00:04.060,00:00:04.00,00:00:05.12,240,307,close door,close,4,\
door,8,['door'],[8]
"""


def test_epic_kitchens_is_read_as_it_is_published(src, bring, clip, bright, seconds_of):
    clip(src / "P01" / "videos" / "P01_01.MP4", bright(6))
    (src / "labels.csv").rename(src / "EPIC_100_train.csv")
    (src / "EPIC_100_train.csv").write_text(EPIC)
    episodes, lines, _ = bring(format="epic-kitchens")
    (episode,) = episodes
    assert episode.actions == ("open door", "open door", "turn-on light and tap", "close door")
    assert episode.scene == "P01/videos/P01_01"
    assert seconds_of(episode.frames) == pytest.approx(0.5 + np.arange(17) / 4, abs=0.1)
    assert sorted(line.partition(":")[0] for line in lines) == [
        "EPIC_100_train.csv row 3",
        "EPIC_100_train.csv row 5",
    ]
