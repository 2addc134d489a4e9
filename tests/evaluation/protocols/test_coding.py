"""Frames and latents in the middle of an episode, one latent a frame and four frames a latent."""

import sys
from pathlib import Path

import numpy as np
import pytest

from twospeed.cli.app import main
from twospeed.core.files import read_json
from twospeed.evaluation.protocols.coding import (
    coded,
    coded_clip,
    decode,
    decode_after,
    encode,
    encode_before,
    last_chunk,
)
from twospeed.worldmodel.model import WorldModel

sys.path.insert(0, str(Path(__file__).parents[2] / "worldmodel" / "backbones"))
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated.*")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import pipelines

    root = tmp_path_factory.mktemp("wan")
    pipelines.small_wan(root).save_pretrained(root / "small")
    return root / "small"


@pytest.fixture(scope="module")
def packed(folder):
    return WorldModel.from_pretrained(folder)


def frames_of(model, count):
    size = model.settings.frame_size
    draws = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return draws.repeat(size // 4, axis=1).repeat(size // 4, axis=2)


def test_what_comes_later_is_decoded_beside_what_came_before(packed):
    frames = frames_of(packed, 17)
    whole = encode(packed, frames)
    assert whole.shape[1] == 5
    later = decode_after(packed, whole[:, :3], whole[:, 3:])
    np.testing.assert_array_equal(later, decode(packed, whole)[9:])
    np.testing.assert_array_equal(coded(packed, frames, np.arange(9, 17)), later)


def test_what_is_seen_before_a_frame_fills_latents(packed):
    frames = frames_of(packed, 16)
    before = encode_before(packed, frames, 15)
    assert before.shape[1] == 4  # from frame 2 on
    assert last_chunk(packed, before).shape[1] == 1
    assert len(coded(packed, frames, np.arange(10, 16))) == 6


def test_frames_that_are_latents_need_nothing_before_them(model):
    frames = frames_of(model, 12)
    before = encode_before(model, frames, 11)
    assert before.shape[1] == model.settings.chunk_frames
    np.testing.assert_array_equal(
        decode_after(model, before, before), decode(model, encode(model, frames[7:11]))
    )


@pytest.mark.parametrize("protocol", ["observed_return", "generated_return"])
def test_recall_is_measured_on_a_model_that_packs_time(folder, tmp_path, protocol):
    report = tmp_path / "r.json"
    arguments = ["recall", str(folder), "--episodes", "2", "--routes", "out_and_back"]
    more = [
        "--protocol",
        protocol,
        "--preset",
        "paper",
        "--first-seed",
        "700000",
        "--world",
        "rooms",
    ]
    assert main([*arguments, *more, "--json", str(report)]) == 0
    scores = read_json(report)["routes"]["out_and_back"]["psnr_db"]
    assert all(np.isfinite(scores[arm]["mean"]) for arm in ("on", "off"))


def test_adherence_is_measured_on_it(folder, tmp_path):
    record = ["record", "rooms", "--episodes", "2", "--chunks", "3", "--size", "32"]
    assert main([*record, "--out", str(tmp_path / "s")]) == 0
    report = tmp_path / "a.json"
    arguments = ["adherence", str(folder), "--data", str(tmp_path / "s"), "--episodes", "2"]
    assert main([*arguments, "--json", str(report)]) == 0
    assert 0 <= read_json(report)["domains"]["rooms"]["accuracy"]["mean"] <= 1


def test_a_whole_clip_of_any_length_is_coded(model, packed):
    for one, counts in ((model, (2, 5)), (packed, (2, 5, 6))):
        for count in counts:
            frames = frames_of(one, count)
            found = coded_clip(one, frames)
            assert found.shape == frames.shape
            rest = -(count - 1) % one.rules.frames
            whole = np.concatenate([frames, frames[-1:].repeat(rest, axis=0)])
            assert (found == decode(one, encode(one, whole))[:count]).all()
