"""The matrix on a model whose autoencoder packs four frames into a latent."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from twospeed.cli.app import main
from twospeed.core.video import read_video

sys.path.insert(0, str(Path(__file__).parents[2] / "worldmodel" / "backbones"))
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated.*")

NAMES = ("none", "last_frame", "long_context", "first_frame", "lookup", "by_feature", "by_pose",
         "paper", "paper_next", "gradient", "default")  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import pipelines

    root = tmp_path_factory.mktemp("wan")
    pipelines.small_wan(root).save_pretrained(root / "small")
    return root / "small"


def run(folder, out, protocol, names):
    told = [f"--protocol={protocol}", f"--memories={','.join(names)}", "--episodes=1"]
    assert main(["evaluate", str(folder), "--world=rooms", *told, f"--out={out}"]) == 0
    return json.loads((out / "results.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("protocol", ["revisit", "next_chunk"])
def test_every_memory_is_judged_in_frames(folder, tmp_path, protocol):
    names = NAMES if protocol == "revisit" else NAMES[:1]
    results = run(folder, tmp_path / "out", protocol, names)
    assert set(results["memories"]) == set(names)
    for arm in (*results["memories"].values(), *results["controls"].values()):
        assert np.isfinite(arm["psnr_db"]["mean"])
    clips = {it.parent.name: read_video(it) for it in tmp_path.glob("out/episodes/*/*.mp4")}
    assert {len(it) for it in clips.values()} == {len(clips["real"])}
    if protocol == "revisit":
        assert not np.ptp(clips["frozen"], axis=0).any()
