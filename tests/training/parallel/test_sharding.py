"""The command fine-tunes a tiny Wan in two processes, replicated and split; killed, it goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from twospeed.cli.app import main
from twospeed.core.files import read_json
from twospeed.worldmodel.model import WorldModel

sys.path.insert(0, str(Path(__file__).parents[2] / "worldmodel" / "backbones"))
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*deprecated.*")]
SETTINGS = (
    "loop.steps=6", "loop.warmup_steps=1", "loop.learning_rate=0.001", "loop.ema_decay=0.5",
    "loop.checkpoint_minutes=0",
)  # fmt: skip
CONFIGS = Path(__file__).parents[3] / "configs" / "accelerate"
LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes=2"]


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Return a tiny pipeline, and shards that it takes."""
    import pipelines

    root = tmp_path_factory.mktemp("begun")
    pipelines.make("wan_21", root).save_pretrained(root / "wan")
    arguments = ["record", "rooms", "--episodes", "4", "--chunks", "3", "--size", "32"]
    assert main([*arguments, "--out", str(root / "shards")]) == 0
    return root / "wan", root / "shards"


def arguments_of(begun, out, *more):
    model, shards = begun
    settings = [part for setting in SETTINGS for part in ("--set", setting)]
    begin = ["train", "--init", str(model), "--data", str(shards), "--accumulate", "2"]
    return [*begin, "--device", "cpu", *settings, *more, "--out", str(out)]


def start(arguments, *, split):
    """Launch two processes as our pages do, with the files that are shipped."""
    config = CONFIGS / ("fsdp2.yaml" if split else "ddp.yaml")
    launch = [*LAUNCH, "--main_process_port=0", "--config_file", str(config)]
    return subprocess.Popen(
        [*launch, "-m", "twospeed.cli.app", *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )


def weights(out):
    return WorldModel.from_pretrained(out / "model").denoiser.state_dict()


@pytest.mark.parametrize("more", [(), ("--lora", "4")], ids=["full", "adapter"])
@pytest.mark.parametrize("split", [False, True], ids=["ddp", "fsdp"])
def test_two_processes_train_what_one_does_also_when_killed(begun, tmp_path, split, more):
    assert main(arguments_of(begun, tmp_path / "one", *more)) == 0
    two = arguments_of(begun, tmp_path / "two", *more)
    with start(two, split=split) as running:
        state = tmp_path / "two" / "denoiser" / "checkpoint" / "state.json"
        while running.poll() is None and not (state.exists() and read_json(state)["step"]):
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGKILL)
    assert not (tmp_path / "two" / "model").exists()
    with start(two, split=split) as running:
        output, _ = running.communicate(timeout=300)
    assert running.returncode == 0, output[-3000:]
    assert output.count("fine-tuned 6 steps") == 1
    assert "view tensor" not in output
    one, other = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name in one:
        torch.testing.assert_close(other[name], one[name], rtol=0, atol=1e-5)


def test_a_recipe_is_not_split_and_says_so(tmp_path):
    arguments = ["train", "rooms-tiny", "--device", "cpu", "--out", str(tmp_path / "r")]
    with start(arguments, split=True) as running:
        output, _ = running.communicate(timeout=300)
    assert running.returncode != 0
    assert "configs/accelerate/ddp.yaml" in output
