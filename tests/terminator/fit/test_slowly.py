"""What takes longer than ten seconds: learning for real, and graph compilation."""

from dataclasses import replace

import pytest
import torch

from twospeed.terminator.datasets.built_in import load_examples
from twospeed.terminator.fast.evaluator import FastTerminator
from twospeed.terminator.fit.loop import fit_examples
from twospeed.terminator.fit.recipes import recipe_of


@pytest.mark.slow
def test_digits_are_learned_in_four_epochs(tmp_path):
    result = fit_examples(
        replace(recipe_of("digits"), epochs=4), load_examples("digits"), tmp_path, quiet=True
    )
    assert result.accuracy > 0.9


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_fast_evaluation_is_one_graph_for_a_compiler(small_network, generator):
    fast = FastTerminator(small_network())
    x = torch.randn(2, 3, 8, 8, generator=generator)
    compiled = torch.compile(fast.forward_with_kernels, backend="eager", fullgraph=True)
    with torch.random.fork_rng():
        scores, _ = compiled(x)
    scores.sum().backward()
    assert all(
        part.grad is not None and bool(part.grad.isfinite().all())
        for part in fast.network.parameters()
    )
