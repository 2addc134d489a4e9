"""A run whose files were damaged says which one it is and what to remove; then it goes on."""

import shutil

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from twospeed.core.errors import DataError
from twospeed.core.files import read_json, write_json
from twospeed.recipes import rooms_tiny
from twospeed.training.pipeline import train_world_model


@pytest.fixture
def run(trained, tmp_path):
    """Return a copy of a finished run, which tests damage."""
    shutil.copytree(trained.folder.parent, tmp_path / "tiny")
    return tmp_path / "tiny"


def cut(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def with_objects(path):
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


def with_numbers_of_another_kind(path):
    np.save(path, np.zeros((3, 3)))


def with_more_frames_than_bytes(path):
    head = path.read_bytes()[:128]
    path.write_bytes(head.replace(b"(", b"(99999", 1))


def other_names(path):
    save_file({f"{name}.x": tensor for name, tensor in load_file(path).items()}, path)


def other_shapes(path):
    tensors = {name: tensor.flatten()[:2].clone() for name, tensor in load_file(path).items()}
    save_file(tensors, path)


def other_types(path):
    write_json(path, dict.fromkeys(read_json(path), "x"))


def no_object(path):
    path.write_text("[1, 2]")


def too_deep(path):
    path.write_text("[" * 100_000)


WEIGHTS = (cut, other_names, other_shapes)
NUMBERS = (cut, with_objects, with_numbers_of_another_kind, with_more_frames_than_bytes)
NOTES = (cut, other_types, no_object, too_deep)
DAMAGES = [
    *(("autoencoder/frames.npy", "", it) for it in NUMBERS),
    *(("autoencoder/held_out.npy", "", it) for it in NUMBERS),
    ("autoencoder/fitted/config.json", "autoencoder/fitted", no_object),
    ("autoencoder/fitted/diffusion_pytorch_model.safetensors", "autoencoder/fitted", cut),
    *(("latents/*/0.npy", "", it) for it in NUMBERS),
    *(("latents/*/0.json", "", it) for it in (cut, no_object, too_deep)),
    *(
        (f"denoiser/checkpoint/{part}.safetensors", "denoiser/checkpoint", it)
        for part in ("module", "average", "optimizer")
        for it in WEIGHTS
    ),
    *(
        ("text/checkpoint/state.json", "text/checkpoint", it)
        for it in (cut, other_types, no_object, too_deep)
    ),
]


@pytest.mark.parametrize(("file", "removed", "damage"), DAMAGES)
def test_a_damaged_file_is_named_with_what_to_remove(run, file, removed, damage):
    path = sorted(run.glob(file.replace("0.", "*.")))[0]
    damage(path)
    shutil.rmtree(run / "model")
    with pytest.raises(DataError, match="remove it to start anew") as caught:
        train_world_model(rooms_tiny(), None, run)
    assert "\n" not in str(caught.value)
    assert str(run / removed if removed else path) in str(caught.value)
    assert path.name in str(caught.value) or "fitted" in str(caught.value)


@pytest.mark.parametrize("file", ["autoencoder/frames.npy", "latents/*/*.npy", "latents/*/*.json"])
def test_the_same_command_goes_on_after_the_file_is_removed(run, file):
    for path in run.glob(file):
        cut(path)
        path.unlink()
    train_world_model(rooms_tiny(), None, run)
    assert all(run.glob(file))
