import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from twospeed.cli.fit import app as fit_app
from twospeed.cli.terminator import app
from twospeed.core.config import from_json, override, to_json
from twospeed.core.errors import ConfigError, DataError, UnknownNameError
from twospeed.terminator.datasets.built_in import load_examples
from twospeed.terminator.fit.batches import augment, reader_for, training_batches
from twospeed.terminator.fit.build import rate_at
from twospeed.terminator.fit.config import FitConfig
from twospeed.terminator.fit.load import open_fit
from twospeed.terminator.fit.loop import fit_examples, prepare, take_step
from twospeed.terminator.fit.recipes import RECIPES, recipe_of
from twospeed.terminator.presets import author


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_json_and_takes_settings(name):
    config = recipe_of(name)
    assert from_json(FitConfig, to_json(config)) == config
    assert override(config, "network.block.omega0=10").network.block.omega0 == 10.0


def test_the_cifar_recipe_is_the_author_network():
    network = recipe_of("cifar10_author").network
    assert network.terminator(channels=3, sizes=(32, 32), num_classes=10) == author()


def test_the_rate_rises_to_its_peak_and_falls_to_zero():
    config = FitConfig(epochs=10, warmup_epochs=2, learning_rate=0.5)
    rates = [rate_at(config, step, 5) for step in range(51)]
    assert rates[0] == pytest.approx(0.05)
    assert max(rates) == rates[9] == rates[10] == 0.5
    assert rates[50] == pytest.approx(0)


def test_permuted_pixels_are_the_same_in_one_fixed_order(few):
    configs = [FitConfig(layout=layout) for layout in ("image", "sequence", "permuted")]
    image, sequence, permuted = (reader_for(c, few.train)(few.train.images) for c in configs)
    assert torch.equal(image.flatten(2), sequence)
    assert not torch.equal(sequence, permuted)
    assert torch.equal(sequence.sort(2).values, permuted.sort(2).values)
    assert image.mean().abs() < 1e-4
    assert image.std().sub(1).abs() < 1e-3


def test_an_epoch_shows_every_example_once_and_depends_on_its_number(few):
    config = FitConfig(batch_size=32)
    reader = reader_for(config, few.train)
    epochs = [
        torch.cat([y for _, y in training_batches(config, few.train, reader, epoch=e)])
        for e in (1, 1, 2)
    ]
    assert torch.equal(epochs[0], epochs[1])
    assert not torch.equal(epochs[0], epochs[2])
    assert torch.equal(epochs[0].sort().values, few.train.labels.sort().values)


def test_crops_and_flips_keep_the_pixels_of_the_picture(generator):
    images = torch.arange(2 * 3 * 8 * 8, dtype=torch.uint8).view(2, 3, 8, 8)
    cropped = augment(images, "crop-flip", generator)
    assert cropped.shape == images.shape
    assert torch.equal(augment(images, "none", generator), images)
    assert set(cropped.unique().tolist()) <= set(images.unique().tolist())


def test_a_fit_writes_what_it_did_and_the_same_fit_gives_the_same(few, tiny, tmp_path):
    first = fit_examples(tiny, few, tmp_path / "a", quiet=True)
    second = fit_examples(tiny, few, tmp_path / "b", quiet=True)
    assert first.validation == second.validation
    assert first.confusion == second.confusion
    assert sum(map(sum, first.confusion)) == len(few.test)
    lines = (tmp_path / "a" / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert {"best.safetensors", "last.safetensors", "config.json", "result.json"} <= names


@pytest.mark.parametrize("optimizer", ["adamw", "kar3"])
def test_a_stopped_fit_goes_on_to_the_same_bits(few, tiny, tmp_path, optimizer, monkeypatch):
    config = replace(tiny, optimizer=optimizer)
    fit_examples(config, few, tmp_path / "whole", quiet=True)
    from twospeed.terminator.fit import loop as fitting

    run_epoch = fitting.run_epoch

    def stop_after_one(fit, state, epoch):
        if epoch == 2:
            raise KeyboardInterrupt
        return run_epoch(fit, state, epoch)

    monkeypatch.setattr(fitting, "run_epoch", stop_after_one)
    with pytest.raises(KeyboardInterrupt):
        fit_examples(config, few, tmp_path / "stopped", quiet=True)
    monkeypatch.undo()
    fit_examples(config, few, tmp_path / "stopped", quiet=True)
    whole, stopped = (
        (tmp_path / name / "last.safetensors").read_bytes() for name in ("whole", "stopped")
    )
    assert whole == stopped


def test_a_folder_of_another_fit_is_not_touched(few, tiny, tmp_path):
    config = replace(tiny, epochs=1)
    fit_examples(config, few, tmp_path, quiet=True)
    with pytest.raises(DataError, match="another learning_rate"):
        fit_examples(replace(config, learning_rate=0.5), few, tmp_path, quiet=True)
    state = json.loads((tmp_path / "state.json").read_text())
    del state["processor_seconds"]
    (tmp_path / "state.json").write_text(json.dumps(state))
    with pytest.raises(DataError, match="fit of another version"):
        fit_examples(config, few, tmp_path, quiet=True)


def test_a_folder_keeps_to_its_data_and_a_fit_must_be_there(few, tiny, tmp_path):
    fit_examples(replace(tiny, epochs=1), few, tmp_path / "fit", quiet=True)
    labels = few.train.labels.roll(1)
    other = replace(few, train=replace(few.train, labels=labels))
    message = r"holds a fit on few \(100 training pictures of 1 x 8 x 8\), but the data are few"
    for act in (
        lambda: fit_examples(replace(tiny, epochs=1), other, tmp_path / "fit", quiet=True),
        lambda: open_fit(tmp_path / "fit", other),
    ):
        with pytest.raises(DataError, match=message):
            act()
    with pytest.raises(DataError, match="nosuch holds no fit: give the folder"):
        open_fit(tmp_path / "nosuch", few)


@pytest.mark.parametrize("device", ["nosuch", "meta", 3.5])
def test_a_device_that_is_not_there_is_refused(device, few, tiny):
    with pytest.raises(ConfigError, match=f"no device {device!r} here"):
        prepare(tiny, few, device)


def test_a_loss_that_is_not_finite_ends_the_fit(few, tiny):
    fit = prepare(tiny, few, "cpu")
    with torch.no_grad():
        next(fit.network.parameters()).fill_(float("inf"))
    x = fit.reader(few.train.images[:2])
    with pytest.raises(DataError, match="not finite"):
        take_step(fit, x, few.train.labels[:2], 0.1)


def test_every_loss_and_the_cifar_recipe_take_a_step():
    config = replace(
        recipe_of("cifar10_author"),
        compile=False,
        batch_size=2,
        network=replace(
            recipe_of("cifar10_author").network, widths=(12, 36), earlier=((0, 0), (0, 0))
        ),
    )
    data = load_examples("noise")
    fit = prepare(config, data, "cpu")
    fit.network.train()
    batches = training_batches(config, fit.train, fit.reader, epoch=1)
    x, labels = next(iter(batches))
    before = [part.detach().clone() for part in fit.network.parameters()]
    assert take_step(fit, x, labels, 0.01) > 0
    moved = [
        not torch.equal(part, old)
        for part, old in zip(fit.network.parameters(), before, strict=True)
    ]
    assert sum(moved) > 0.9 * len(moved)


def test_the_commands_run_one_after_another(few, tmp_path):
    run = CliRunner().invoke
    out, data = tmp_path / "fit", str(tmp_path / "few.npz")
    parts = {"x_train": few.train.images, "y_train": few.train.labels}
    parts |= {"x_test": few.test.images, "y_test": few.test.labels}
    np.savez(data, **{name: part.numpy() for name, part in parts.items()})
    settings = ["--set", "batch_size=128", "--set", "learning_rate=0.001"]
    result = run(fit_app, ["tiny", "--data", data, "--out", str(out), *settings])
    assert result.exit_code == 0, result.exception
    assert {"curves.png", "confusion.png"} <= {path.name for path in out.iterdir()}
    shown = tmp_path / "show"
    arguments = ["show", "--data", data, "--fit", str(out), "--out", str(shown)]
    result = run(app, [*arguments, "--count", "2"])
    assert result.exit_code == 0, result.exception
    assert {path.name for path in shown.iterdir()} == {"kernels.png", "means.png", "scores.png"}


def test_wrong_settings_are_refused(few, tiny):
    with pytest.raises(ConfigError, match="multiple of the one before"):
        prepare(override(tiny, "network.widths=[12, 30]"), few, "cpu")
    with pytest.raises(ConfigError, match=r"takes a list such as \[12\], got \['a'\]"):
        override(tiny, 'network.widths=["a"]')
    with pytest.raises(
        ConfigError, match=r"block 1 can take outputs of blocks before it: \(1, 0\)"
    ):
        prepare(override(tiny, "network.earlier=[[1, 0]]"), few, "cpu")
    with pytest.raises(ConfigError, match="earlier takes a list"):
        replace(tiny.network, earlier=(1,))
    with pytest.raises(ConfigError, match="earlier takes a list"):
        override(tiny, "network.earlier=[1]")
    for setting in (
        "network.dropout=1", "warmup_epochs=-1", "weight_decay=-1", "betas=[1, 0]",
        "learning_rate=NaN", "slow_weight=Infinity", 'network.block.mixing=["a", 1]',
    ):  # fmt: skip
        with pytest.raises(ConfigError):
            prepare(override(tiny, setting), few, "cpu")
    with pytest.raises(ConfigError, match="layout must be one of"):
        replace(tiny, layout="rows")
    with pytest.raises(UnknownNameError, match="Did you mean 'digits'"):
        recipe_of("digit")
    with pytest.raises(UnknownNameError, match="no peer for 2 axes is called 'gru'"):
        prepare(override(tiny, "network.learner=gru"), few, "cpu")
