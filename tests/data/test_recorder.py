"""A recording is the same whatever happens to it on the way."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from twospeed.core.errors import ConfigError, DataError, MissingExtraError, UnknownNameError
from twospeed.data.index import read_episodes, read_index
from twospeed.data.recorder import explore_episode, record, record_episode
from twospeed.data.recording import NOTE, RecordingConfig, claim, owned
from twospeed.worlds.registry import make_world

SMALL = RecordingConfig(
    world="rooms", episodes=24, first_seed=5, chunks=3, frame_size=16, episodes_per_shard=2
)
SCRIPT = """
import dataclasses, json, pathlib, resource, sys
from twospeed.core.errors import TwospeedError
from twospeed.data.recorder import record
from twospeed.data.recording import RecordingConfig
config, out, workers, limit = json.loads(sys.argv[1])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    record(RecordingConfig(**config), pathlib.Path(out), workers=workers)
except TwospeedError as error:
    sys.exit(f"twospeed: {error}")
"""


def settings_of(config):
    return {name: getattr(config, name) for name in config.__slots__}


def start(config, out, *, workers=2, limit=0):
    """Record in a process of its own."""
    arguments = json.dumps([settings_of(config), str(out), workers, limit])
    command = [sys.executable, "-W", "error", "-c", SCRIPT, arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def wait_for_shards(process, out, num, *, seconds=60):
    """Wait until `num` shards are whole, or the process has ended."""
    end = time.monotonic() + seconds
    while len(list(out.glob("*.tar"))) < num and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.002)


def workers_of(process):
    command = ["ps", "-ww", "-o", "pid=", "-o", "args=", "--ppid", str(process.pid)]
    listed = subprocess.run(command, capture_output=True, text=True).stdout
    lines = [line.split(None, 1) for line in listed.splitlines()]
    return [int(pid) for pid, text in lines if "spawn_main" in text]


def wait_for_workers(process, num):
    """Return the processes that a recording has started, once there are `num`."""
    while len(workers := workers_of(process)) < num:
        assert process.poll() is None
    return workers


def kill(process, *, with_workers):
    """End a recording by SIGKILL; with its workers it is as if the power went off."""
    workers = workers_of(process) if with_workers else []
    process.send_signal(signal.SIGKILL)
    for worker in workers:
        for end in (os.killpg, os.kill):  # a young worker has no group of its own yet
            with suppress(ProcessLookupError):
                end(worker, signal.SIGKILL)
    process.communicate()


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A recording that nothing has disturbed."""
    out = tmp_path_factory.mktemp("whole") / "shards"
    done = record(SMALL, out, workers=1)
    assert (done.num_episodes, done.num_frames, done.num_episodes_before) == (24, 24 * 13, 0)
    assert done.frames_per_second > 0
    return out


def test_a_recording_holds_the_episodes_of_its_seeds(whole):
    episodes = list(read_episodes(whole, on_damage=pytest.fail))
    assert [episode.seed for episode in episodes] == list(range(5, 29))
    world = make_world("rooms", frame_size=16)
    again = record_episode(world, name="rooms", seed=7, actions=episodes[2].actions)
    assert np.array_equal(again.frames, episodes[2].frames)
    assert np.array_equal(again.poses, episodes[2].poses)


def test_the_number_of_workers_does_not_show(whole, tmp_path):
    record(SMALL, tmp_path / "two", workers=2)
    assert contents(tmp_path / "two") == contents(whole)


def test_recording_again_changes_nothing_and_says_so(whole):
    before = contents(whole)
    done = record(SMALL, whole)
    assert (done.num_episodes_before, done.frames_per_second) == (24, 0)
    assert contents(whole) == before


def kill_and_resume(config, out, *, kills, seed):
    """Kill a recording again and again just after its next shard, then let it end."""
    generator = random.Random(seed)
    for _ in range(kills):
        process = start(config, out, workers=generator.choice((1, 2)))
        done = len(list(out.glob("*.tar")))
        wait_for_shards(process, out, done + generator.choice((0, 1, 1)))
        time.sleep(generator.uniform(0, 0.15))
        kill(process, with_workers=generator.random() < 0.6)
    process = start(config, out)
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def test_a_recording_killed_at_random_moments_ends_as_if_it_never_was(whole, tmp_path):
    kill_and_resume(SMALL, tmp_path / "out", kills=3, seed=0)
    assert contents(tmp_path / "out") == contents(whole)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_a_recording_survives_many_more_kills(whole, tmp_path, seed):
    kill_and_resume(SMALL, tmp_path / "out", kills=8, seed=seed)
    assert contents(tmp_path / "out") == contents(whole)


@pytest.mark.slow
def test_a_doom_recording_killed_at_random_moments_ends_as_if_it_never_was(tmp_path):
    pytest.importorskip("vizdoom")
    config = RecordingConfig(world="doom", episodes=12, chunks=10, episodes_per_shard=2)
    record(config, tmp_path / "whole")
    kill_and_resume(config, tmp_path / "out", kills=6, seed=0)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_workers_end_when_the_recorder_is_killed(tmp_path):
    process = start(SMALL, tmp_path / "out")
    workers = wait_for_workers(process, 2)
    kill(process, with_workers=False)
    end = time.monotonic() + 20
    while any(map(is_alive, workers)):
        assert time.monotonic() < end, "a worker outlives its recorder"
        time.sleep(0.05)


def test_a_killed_worker_is_one_clear_line_and_the_same_command_goes_on(whole, tmp_path):
    process = start(SMALL, tmp_path / "out")
    os.kill(wait_for_workers(process, 1)[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert errors.splitlines() == [
        "twospeed: a recording process died of signal 9; the same command goes on from here"
    ]
    assert not list((tmp_path / "out").glob(".*"))
    record(SMALL, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(whole)


def test_a_full_disk_is_one_clear_line_and_leaves_nothing_half_written(tmp_path):
    process = start(SMALL, tmp_path / "out", limit=10_000)
    _, errors = process.communicate()
    assert len(errors.splitlines()) == 1
    assert "cannot write" in errors
    assert "File too large" in errors
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["recording.json"]


def test_a_recording_goes_on_when_a_full_disk_has_room_again(whole, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        with pytest.raises(DataError, match="No space left on device"):
            record(SMALL, disk / "out")
        names = {path.name for path in (disk / "out").iterdir()}
        assert names < contents(whole).keys()
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        record(SMALL, disk / "out")
        assert contents(disk / "out") == contents(whole)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
def copied(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "copied")


@pytest.mark.parametrize("with_index", [True, False])
def test_a_cut_shard_is_named_and_recorded_again(whole, copied, caplog, with_index):
    path = sorted(copied.glob("*.tar"))[3]
    path.write_bytes(path.read_bytes()[:3000])
    if not with_index:
        (copied / "index.json").unlink()
    done = record(SMALL, copied)
    assert done.num_episodes_before == 22
    assert f"{path.name} is recorded again" in caplog.text
    assert contents(copied) == contents(whole)


def test_a_flipped_byte_in_a_finished_recording_is_repaired(whole, copied, caplog):
    path = sorted(copied.glob("*.tar"))[0]
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    record(SMALL, copied)
    assert "checksum" in caplog.text
    assert contents(copied) == contents(whole)


def test_two_recordings_are_not_mixed(copied):
    other = RecordingConfig(**settings_of(SMALL) | {"chunks": 4})
    before = contents(copied)
    with pytest.raises(DataError, match=r"another recording \(chunks 3 instead of 4\)"):
        record(other, copied)
    assert contents(copied) == before


def test_what_the_world_takes_is_part_of_the_recording(tmp_path):
    plain = RecordingConfig(world="doom", episodes=1)
    other = replace(plain, world_options={"level": "basic"})
    out = tmp_path / "out"
    with owned(out, NOTE):
        claim(plain, out)
        (out / "doom-000000000-000000000.tar").write_bytes(b"")
        claim(plain, out)
        with pytest.raises(DataError, match=r"world_options \{\} instead of \{'level'"):
            claim(other, out)


def test_a_recording_of_before_there_were_options_goes_on(copied):
    note = json.loads((copied / NOTE).read_text())
    assert note.pop("world_options") == {}
    (copied / NOTE).write_text(json.dumps(note))
    assert record(SMALL, copied).num_episodes_before == SMALL.episodes


def test_two_blocks_are_recorded(tmp_path):
    config = RecordingConfig(
        world="fetch", episodes=1, chunks=2, policy="scripted", world_options={"blocks": 2}
    )
    try:
        record(config, tmp_path / "out")
    except MissingExtraError as error:
        pytest.skip(str(error))
    (episode,) = read_episodes(tmp_path / "out")
    assert sum(name.endswith(" block") for name in episode.objects[0]) == 2


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "holiday.jpg").write_text("sun")
    with pytest.raises(DataError, match="holds other files"):
        record(SMALL, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot record into"):
        record(SMALL, tmp_path / "file")


def test_one_folder_is_written_by_one_process(tmp_path):
    with owned(tmp_path, NOTE), pytest.raises(DataError, match="another process is recording"):
        record(SMALL, tmp_path)


def test_seeds_for_testing_are_recorded_with_one_warning(tmp_path, caplog):
    config = RecordingConfig(world="rooms", episodes=2, first_seed=799_999, chunks=1, frame_size=16)
    record(config, tmp_path / "out")
    assert [record.message for record in caplog.records] == [
        "seeds from 800000 on are for testing only: train on none"
    ]
    assert read_index(tmp_path / "out")[0].seeds == (799_999, 800_000)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"world": "roms"}, UnknownNameError, "Did you mean 'rooms'"),
        ({"policy": "exploer"}, UnknownNameError, "Did you mean 'explore'"),
        ({"policy": "explore+roaming"}, UnknownNameError, "Did you mean 'roam'"),
        ({"world": "doom", "policy": "roam"}, ConfigError, "only rooms can be roamed"),
        ({"episodes": 0}, ConfigError, "episodes must be 1 or more, got 0"),
        ({"first_seed": -1}, ConfigError, "first_seed must be 0 or more, got -1"),
        ({"world_options": {"blocks": 2}}, ConfigError, "rooms takes no blocks: it takes no opt"),
        (
            {"world": "fetch", "world_options": {"blocs": 2}},
            ConfigError,
            "fetch takes no blocs: it takes blocks",
        ),
        ({"world_options": {"blocks": 1.5}}, ConfigError, "takes a whole number or a text"),
        ({"world_options": ["blocks"]}, ConfigError, "world_options takes an object"),
    ],
)
def test_a_wrong_setting_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        RecordingConfig(**settings_of(SMALL) | change)


def test_policies_are_drawn_and_nothing_is_in_the_way_of_who_roams():
    config = replace(SMALL, policy="explore+roam", chunks=12)
    world = make_world("rooms", frame_size=16)
    rooms_seen = []
    drawn = {name: [] for name in ("explore", "roam")}
    for seed in range(1, 61):
        drawn[config.policy_of(seed)].append(seed)
    assert min(map(len, drawn.values())) > 20
    assert {seed % 2 for seed in drawn["roam"]} == {0, 1}
    for seed in drawn["roam"][:20]:
        episode = explore_episode(config, world, seed)
        lengths = np.hypot(*np.diff(episode.poses[:, :2], axis=0).T).reshape(12, 4)
        moves = np.array([0.0 if "turn" in action else 0.25 for action in episode.actions])
        np.testing.assert_allclose(lengths, np.repeat(moves[:, None], 4, 1), atol=1e-4)
        rooms_seen.append(len({tuple(place) for place in (episode.poses[:, :2] // 3).tolist()}))
    assert max(rooms_seen) >= 4
    seed = drawn["explore"][0]
    explored = explore_episode(config, world, seed)
    plain = explore_episode(replace(config, policy="explore"), world, seed)
    assert np.array_equal(explored.frames, plain.frames)


@pytest.mark.parametrize("policy", ["roam", "revisit"])
def test_one_chunk_is_an_episode_too(policy):
    config = replace(SMALL, policy=policy, chunks=1)
    world = make_world("rooms", frame_size=16)
    for seed in range(8):
        assert len(explore_episode(config, world, seed).frames) == config.frames_per_episode


def test_what_a_worker_cannot_do_is_said_by_the_recorder(tmp_path):
    config = RecordingConfig(world="doom", episodes=1, frame_size=4000)
    with pytest.raises((ConfigError, MissingExtraError), match=r"16 to 768|pip install"):
        record(config, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="workers must be 1 or more, got 0"):
        record(SMALL, tmp_path / "out", workers=0)


def test_an_episode_that_no_memory_holds_is_refused():
    with pytest.raises(ConfigError, match="an episode of 400,001 frames takes at least"):
        RecordingConfig(world="rooms", episodes=1, chunks=100_000, frame_size=4096)
