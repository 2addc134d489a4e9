import json
from dataclasses import replace

import pytest

from twospeed.terminator.baselines import num_parameters
from twospeed.terminator.benchmarks.comparison import ablation_variants, compare, peer_variants
from twospeed.terminator.fit.loop import prepare
from twospeed.terminator.fit.recipes import recipe_of


def test_a_comparison_is_a_table_over_seeds(few, tiny, tmp_path):
    config = replace(tiny, epochs=1)
    variants = {"as it is": lambda c: c, "gru": peer_variants(replace(config, layout="sequence"))
                ["gru"]}  # fmt: skip
    sequence = replace(config, layout="sequence")
    rows = compare(sequence, few, variants, tmp_path, seeds=[0, 1])
    assert {row.name for row in rows} == {"as it is", "gru"}
    assert all(len(row.accuracies) == 2 for row in rows)
    assert all(row.processor_seconds[0] > 0 for row in rows)
    assert len(json.loads((tmp_path / "table.json").read_text())) == 2
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == [row.name for row in rows]
    written = (tmp_path / "gru" / "seed-0" / "last.safetensors").stat().st_mtime_ns
    assert compare(sequence, few, variants, tmp_path, seeds=[0, 1]) == rows
    assert (tmp_path / "gru" / "seed-0" / "last.safetensors").stat().st_mtime_ns == written


def test_each_variant_of_a_comparison_keeps_its_best_rate(few, tiny, tmp_path):
    rates = (1e-9, 5e-3)  # the first learns nothing
    config = replace(tiny, epochs=10, batch_size=20, layout="sequence")
    variants = {"it": peer_variants(config)["longconv"]}
    (row,) = compare(config, few, variants, tmp_path, seeds=[0, 1], rates=rates)
    assert row.learning_rate == 5e-3
    fits = sorted(str(path.parent.relative_to(tmp_path)) for path in tmp_path.rglob("result.json"))
    assert fits == ["it/rate-0.005/seed-0", "it/rate-0.005/seed-1", "it/rate-1e-09/seed-0"]
    assert "| 0.005 |" in (tmp_path / "table.md").read_text()


@pytest.mark.parametrize("recipe", ["tiny", "digits"])
def test_every_peer_builds(recipe, few):
    config = recipe_of(recipe)
    sizes = {}
    for name, change in peer_variants(config).items():
        fit = prepare(change(config), few, "cpu")
        assert fit.scores(fit.reader(few.train.images[:2]))[0].shape == (2, 10)
        sizes[name] = num_parameters(fit.network)
    assert max(sizes.values()) < 2 * sizes["terminator"]


@pytest.mark.parametrize(("recipe", "absent"), [("tiny", {"e1", "e2"}), ("digits", {"e2"})])
def test_every_ablation_builds(recipe, absent, few):
    config = recipe_of(recipe)
    variants = ablation_variants(config)
    left_out = {name.removeprefix("without ") for name in variants if "without " in name}
    assert left_out == set(config.network.block.branches) - absent
    for change in variants.values():
        fit = prepare(change(config), few, "cpu")
        assert fit.scores(fit.reader(few.train.images[:2]))[0].shape == (2, 10)
