"""Recording over a Ray cluster leaves what processes leave; skipped where there is no Ray."""

import os
import signal
import socket
import sys
import threading
import time
from contextlib import nullcontext

import pytest

from twospeed.core.errors import DataError, UnknownNameError
from twospeed.data.cluster import _knock, run_on_cluster
from twospeed.data.recorder import record
from twospeed.data.recording import RecordingConfig

SMALL = RecordingConfig(world="rooms", episodes=8, chunks=2, frame_size=16, episodes_per_shard=2)


@pytest.fixture(scope="module")
def ray():
    """A cluster of this machine with two workers."""
    ray = pytest.importorskip("ray")
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refuse(setup, names):
    for name in names:
        if name == setup:
            raise DataError(f"{name} cannot be done")
        yield 1


def fail(setup, names):
    yield setup[next(names)]


def die(setup, names):
    os.kill(os.getpid(), signal.SIGKILL)
    yield from (setup for _ in names)


def test_an_unknown_engine_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UnknownNameError, match="Known: processes, ray"):
        record(SMALL, tmp_path / "out", engine="rays")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_where_nobody_listens_is_one_line_and_soon(monkeypatch, scheme):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"{scheme}127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    start = time.monotonic()
    with pytest.raises(DataError, match=f"none answers at RAY_ADDRESS {address} .*refused"):
        _knock()
    assert time.monotonic() - start < 20


@pytest.mark.parametrize(
    ("answer", "is_ray"),
    [(b"\0\0\0\4\0\0\0\0\0", True), (b"HTTP/1.1 400 Bad", False), (b"", False)],
)
def test_a_listener_that_is_not_ray_is_found_out(monkeypatch, answer, is_ray):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{server.getsockname()[1]}")

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        with nullcontext() if is_ray else pytest.raises(DataError, match="not Ray"):
            _knock()


@pytest.mark.parametrize("address", ["somewhere", "host:", ":6379", "host:port", "host:99999999"])
def test_what_is_no_address_is_refused(monkeypatch, address):
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(DataError, match="RAY_ADDRESS"):
        _knock()


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_records_the_same_bytes(ray, tmp_path):
    assert ray.is_initialized()
    one = record(SMALL, tmp_path / "processes")
    other = record(SMALL, tmp_path / "ray", workers=2, engine="ray")
    assert contents(tmp_path / "ray") == contents(tmp_path / "processes")
    assert (other.num_frames, other.num_bytes) == (one.num_frames, one.num_bytes)
    (tmp_path / "ray" / "rooms-000000002-000000003.tar").unlink()
    assert record(SMALL, tmp_path / "ray", engine="ray").num_episodes_before == 6
    assert contents(tmp_path / "ray") == contents(tmp_path / "processes")


@pytest.mark.filterwarnings("ignore")
def test_jobs_are_done_once_each_and_mistakes_come_through(ray):
    assert ray.is_initialized()
    jobs = [str(number) for number in range(7)]
    assert sum(run_on_cluster(refuse, "none", jobs, workers=2)) == 7
    assert list(run_on_cluster(refuse, "none", [], workers=2)) == []
    with pytest.raises(DataError, match=r"^3 cannot be done$"):
        list(run_on_cluster(refuse, "3", jobs, workers=1))
    with pytest.raises(RuntimeError, match="KeyError"):
        list(run_on_cluster(fail, {}, jobs, workers=1))
    with pytest.raises(DataError, match=r"lost .* the same command goes on"):
        list(run_on_cluster(die, 1, jobs, workers=1))
