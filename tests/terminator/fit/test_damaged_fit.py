"""A fit whose files were damaged says which one it is and what to remove; then it goes on."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from twospeed.core.errors import DataError
from twospeed.core.files import read_json, write_json
from twospeed.terminator.fit.load import open_fit
from twospeed.terminator.fit.loop import fit_examples
from twospeed.terminator.fit.recipes import recipe_of


@pytest.fixture
def fit(few, tmp_path):
    """Return a function that goes on with a fit of one epoch, after it was there once."""

    def go_on():
        return fit_examples(replace(recipe_of("tiny"), epochs=1), few, tmp_path, quiet=True)

    go_on()
    return go_on


def cut(path):
    path.write_bytes(path.read_bytes()[:-8])


def other_shapes(path):
    tensors = load_file(path)
    save_file({name: it.flatten()[:1].clone() for name, it in tensors.items()}, path)


def other_names(path):
    save_file({f"x.{name}": it for name, it in load_file(path).items()}, path)


def other_epoch(path):
    save_file({**load_file(path), "epoch": torch.tensor(7)}, path)


def texts(path):
    write_json(path, dict.fromkeys(read_json(path), "x"))


def too_few(path):
    write_json(path, read_json(path) | {"losses": []})


def too_deep(path):
    path.write_text("[" * 100_000)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *(("last.safetensors", it) for it in (cut, other_shapes, other_names, other_epoch)),
        *(("state.json", it) for it in (cut, texts, too_few, too_deep)),
    ],
)
def test_a_damaged_file_is_named_with_what_to_remove(fit, tmp_path, name, damage):
    damage(tmp_path / name)
    with pytest.raises(DataError, match="to start anew") as caught:
        fit()
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)
    (tmp_path / "state.json").unlink()
    assert fit().parameters > 0


@pytest.mark.parametrize("damage", [cut, other_shapes, other_names])
def test_weights_that_are_damaged_are_not_opened(fit, few, tmp_path, damage):
    damage(tmp_path / "best.safetensors")
    for act in (fit, lambda: open_fit(tmp_path, few)):
        with pytest.raises(DataError, match=r"best\.safetensors"):
            act()


@pytest.mark.parametrize("damage", [cut, texts, too_deep])
@pytest.mark.parametrize("name", ["data.json", "config.json"])
def test_a_description_that_is_damaged_is_one_line(fit, tmp_path, name, damage):
    damage(tmp_path / name)
    with pytest.raises(DataError, match=rf"{name}|holds a fit with another") as caught:
        fit()
    assert "\n" not in str(caught.value)
