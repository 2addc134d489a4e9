"""Two processes on the CPU train as one does, replicated and split, and go on from each other."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from twospeed.core.errors import ConfigError, DataError, UnknownNameError
from twospeed.training.loop_config import LoopConfig
from twospeed.training.optimizers import optimizer_of
from twospeed.training.parallel.processes import batches_of, make_accelerator

sys.path.insert(0, str(Path(__file__).parent))
import worker


def launched(script, *arguments, **environment):
    """Run a script in two processes; return what they printed."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, str(script), *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a folder with the runs of one process and of two."""
    root = tmp_path_factory.mktemp("runs")
    worker.train(root / "one")
    for name in ("ddp", "fsdp"):
        worker.train(root / f"{name}-begun", killed_at=6)
    launched(worker.__file__, root)
    return root


def curve(folder):
    lines = (folder / "journal.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def end(folder):
    return load_file(folder / "end.safetensors")


def assert_close(one, other):
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["ddp", "fsdp"])
def test_two_processes_have_the_loss_curve_of_one(runs, name):
    one, two = curve(runs / "one"), curve(runs / name)
    assert len(one) == len(two) == worker.CONFIG.steps
    assert two == pytest.approx(one, abs=1e-5)
    assert one[-1] < one[0]
    assert_close(end(runs / "one"), end(runs / name))


@pytest.mark.parametrize("name", ["ddp", "fsdp"])
def test_killed_and_resumed_they_end_where_an_unbroken_run_does(runs, name):
    whole, resumed = end(runs / name), end(runs / f"{name}-killed")
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


@pytest.mark.parametrize("name", ["ddp", "fsdp"])
def test_two_go_on_from_the_checkpoint_of_one_and_one_from_that_of_two(runs, name):
    assert_close(end(runs / f"{name}-begun"), end(runs / "one"))
    worker.train(runs / f"{name}-left")
    assert_close(end(runs / f"{name}-left"), end(runs / "one"))


def test_a_split_checkpoint_is_in_files_of_each_process_and_no_pickles(runs):
    files = {it.name for it in (runs / "fsdp" / "checkpoint").iterdir()}
    parts = ("module", "average", "optimizer")
    names = {f"{part}-0000{rank}-of-00002.safetensors" for part in parts for rank in (0, 1)}
    assert files == {*names, "state.json"}


def test_a_split_checkpoint_that_lost_a_file_says_so(runs, tmp_path):
    shutil.copytree(runs / "fsdp", tmp_path / "torn")
    (tmp_path / "torn" / "checkpoint" / "average-00001-of-00002.safetensors").unlink()
    with pytest.raises(DataError, match=r"1 of its 2 files average-\*"):
        worker.train(tmp_path / "torn")


def test_batches_are_shared_out_and_each_process_has_one_at_least():
    accelerator = Accelerator(cpu=True)
    assert batches_of(accelerator, 3) == range(3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="its processes would find each other")
def test_processes_that_were_launched_for_gpus_do_not_work_alone(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match=r"2 processes .* add --device cpu"):
        make_accelerator()


def test_a_second_precision_in_one_process_is_refused_in_one_line():
    AcceleratorState._reset_state(reset_partial_state=True)
    try:
        make_accelerator(device="cpu")
        with pytest.raises(ConfigError, match="start a process for each"):
            make_accelerator(precision="bf16", device="cpu")
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)


def test_8_bit_optimizers_ask_for_bitsandbytes():
    weights = [torch.nn.Parameter(torch.zeros(2))]
    try:
        import bitsandbytes  # noqa: F401
    except ImportError:
        with pytest.raises(ConfigError, match="pip install bitsandbytes"):
            optimizer_of("adamw8bit", weights, lr=0.1)
    for name in ("adamw8bit", "muon"):
        with pytest.raises(ConfigError, match=f"{name} .* take optimizer=adamw"):
            optimizer_of(name, weights, is_sharded=True, lr=0.1)
    with pytest.raises(UnknownNameError, match="adamw8bit"):
        LoopConfig(optimizer="sgd")


@pytest.mark.parametrize(("name", "kind"), [("ddp", "MULTI_GPU"), ("fsdp2", "FSDP")])
def test_the_shipped_launch_configurations_are_accelerates(name, kind):
    path = Path(__file__).parents[3] / "configs" / "accelerate" / f"{name}.yaml"
    config = load_config_from_file(str(path))
    assert config.distributed_type == kind
    assert config.num_processes == 8
    if kind == "FSDP":
        assert config.fsdp_config["fsdp_version"] == 2
