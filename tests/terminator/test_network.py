from dataclasses import replace

import pytest
import torch

from twospeed.core.config import from_json, to_json
from twospeed.core.errors import ConfigError, DataError, ShapeError, UnknownNameError
from twospeed.terminator.block_config import BlockConfig
from twospeed.terminator.fast.evaluator import FastTerminator
from twospeed.terminator.network import Terminator, TerminatorConfig
from twospeed.terminator.presets import PRESETS, author, paper, preset_of


def num_parameters(config):
    return sum(parameter.numel() for parameter in Terminator(config).parameters())


def test_parameter_counts_are_the_published_ones():
    assert num_parameters(author()) == 1_336_855
    assert num_parameters(replace(author(), num_classes=100)) == 1_362_865
    assert num_parameters(replace(author(), sizes=(96, 96))) == 1_500_695
    assert num_parameters(paper()) == 1_113_010


def test_parameters_per_block_are_the_published_ones():
    blocks = Terminator(author()).blocks
    counts = [sum(parameter.numel() for parameter in block.parameters()) for block in blocks]
    assert counts == [53_377, 57_824, 105_188, 253_580, 863_996]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_json(name):
    config = preset_of(name)
    assert from_json(TerminatorConfig, to_json(config)) == config


INPUTS = [((16,), {}), ((11,), {}), ((6, 9), {}), ((3, 6, 6), {}),
          ((16,), {"operator": "fft"}), ((6, 6), {"operator": "hadamard"})]  # fmt: skip


@pytest.mark.parametrize(("sizes", "choices"), INPUTS)
def test_sequences_images_and_clips_give_scores_and_gradients_everywhere(
    sizes, choices, generator, small_network, awaken
):
    network = awaken(small_network(sizes, **choices))
    x = torch.randn(2, 3, *sizes, generator=generator)
    features = network.forward_features(x)
    assert features.shape == (2, network.num_features, *sizes)
    scores = network(x)
    assert scores.shape == (2, 5)
    scores.square().sum().backward()
    without = [name for name, part in network.named_parameters() if part.grad is None]
    assert not without
    assert all(part.grad.isfinite().all() for part in network.parameters())


@pytest.mark.parametrize("sizes", [(16,), (6, 9), (3, 6, 6)])
def test_a_sample_does_not_depend_on_its_companions(sizes, generator, small_network, awaken):
    network = awaken(small_network(sizes)).double()
    x = torch.randn(4, 3, *sizes, generator=generator, dtype=torch.float64)
    network(x)
    network.eval()
    together = network(x)
    for i in range(4):
        torch.testing.assert_close(network(x[i : i + 1])[0], together[i], rtol=1e-10, atol=1e-10)


def test_in_the_published_mode_it_does(generator, small_network):
    network = small_network(published=True).double().eval()
    x = torch.randn(4, 3, 8, 8, generator=generator, dtype=torch.float64)
    assert (network(x)[:2] - network(x[:2])).abs().max() > 1e-3


@pytest.mark.parametrize("operator", ["fft", "matmul"])
@pytest.mark.parametrize("sizes", [(16,), (4, 6, 6)])
def test_a_causal_network_knows_no_future(sizes, operator, generator, small_network, awaken):
    context = "none" if len(sizes) == 1 else "sample"
    network = awaken(
        small_network(sizes, operator=operator, causal=True, local_context=context)
    ).double()
    network.eval()
    x = torch.randn(2, 3, *sizes, generator=generator, dtype=torch.float64)
    y = x.clone()
    y[:, :, 2:] += 1
    before, after = network.forward_features(x), network.forward_features(y)
    torch.testing.assert_close(after[:, :, :2], before[:, :, :2], rtol=1e-8, atol=1e-8)
    assert (after[:, :, 2:] - before[:, :, 2:]).abs().max() > 0.1


def test_a_checkpoint_gives_the_same_bits_in_a_fresh_network(
    generator, tmp_path, small_network, awaken
):
    for published in (False, True):
        trained = awaken(small_network(published=published))
        x = torch.randn(2, 3, 8, 8, generator=generator)
        trained(x)
        torch.save(trained.state_dict(), tmp_path / "weights.pt")
        fresh = small_network(seed=1, published=published)
        fresh.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
        trained.eval(), fresh.eval()
        assert torch.equal(fresh(x), trained(x))


def test_the_same_generator_gives_the_same_network(small_network):
    first, second = small_network(seed=3), small_network(seed=3)
    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))


def test_new_gates_are_the_identity(generator, small_network):
    block = small_network().blocks[0]
    x = torch.randn(2, 3, 8, 8, generator=generator)
    trace = {}
    block(x, trace=trace)
    assert torch.equal(trace["HI"], x)
    torch.testing.assert_close(trace["q"], torch.nn.functional.instance_norm(x))


def test_another_resolution_needs_no_other_weights(generator, small_network):
    network = small_network((8, 8)).eval()
    x = torch.randn(1, 3, 8, 8, generator=generator)
    finer = torch.nn.functional.interpolate(x, size=(16, 16), mode="bilinear")
    assert network(finer).shape == (1, 5)
    coarse_kernel = network.blocks[0].hyper_kernels((8, 8)).positions
    fine_kernel = network.blocks[0].hyper_kernels((15, 15)).positions
    factor = (8 / 15) ** 0.5
    torch.testing.assert_close(fine_kernel[:, ::2, ::2], coarse_kernel * factor, rtol=1e-4,
                               atol=1e-5)  # fmt: skip


def test_the_classifier_can_be_replaced(generator, small_network):
    network = small_network().eval()
    x = torch.randn(2, 3, 8, 8, generator=generator)
    features = network.forward_features(x)
    network.reset_classifier(7)
    assert network(x).shape == (2, 7)
    assert network.get_classifier().out_features == network.num_classes == 7
    network.reset_classifier(0)
    torch.testing.assert_close(network(x), features.mean((2, 3)))
    pooled = network.forward_head(features, pre_logits=True)
    torch.testing.assert_close(pooled, features.mean((2, 3)))


def test_one_sample_keeps_its_batch_axis(generator, small_network):
    assert small_network().eval()(torch.randn(1, 3, 8, 8, generator=generator)).shape == (1, 5)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.zeros(1, 4, 8, 8), ShapeError, r"\(B, C, H, W\) with 3 channels"),
        (torch.zeros(3, 8, 8), ShapeError, r"got \(3, 8, 8\)"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), DataError, "got torch.uint8"),
        (torch.full((1, 3, 8, 8), torch.nan), DataError, "not finite"),
        (torch.zeros(1, 3, 4, 4), ShapeError, "too few for a local kernel"),
        (torch.zeros(0, 3, 8, 8), ShapeError, "at least one sample"),
        (torch.zeros(1, 3, 8, 8).double(), DataError, "is float32 and its input float64"),
    ],
)
def test_wrong_inputs_are_refused(x, error, message, small_network):
    for evaluator in (small_network(), FastTerminator(small_network())):
        with pytest.raises(error, match=message):
            evaluator(x)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"operator": "conv"}, "operator must be one of auto, matmul"),
        ({"branches": ("o", "o")}, "each once"),
        ({"branches": ("local-4-x-m",)}, "odd size"),
        ({"branches": ("local-3-x-y",)}, "written like local-5-m-x"),
        ({"causal": True, "statistics": "batch"}, "needs statistics='running'"),
        ({"local_context": "all"}, "scope must be one of"),
        ({"omega0": -1.0}, "omega0 must be 0 or more"),
    ],
)
def test_wrong_choices_are_refused(choices, message):
    with pytest.raises(ConfigError, match=message):
        BlockConfig(**choices)


def test_parts_that_do_not_fit_are_refused(small_config):
    with pytest.raises(ConfigError, match="cannot be cut into 12 equal groups"):
        Terminator(replace(small_config(), expansions=(5, 3, 1)))
    with pytest.raises(ConfigError, match="one entry per block"):
        replace(small_config(), expansions=(4, 3))
    with pytest.raises(ConfigError, match="before it"):
        replace(small_config(), earlier=((1, 0), (0, 0), (0, 0)))
    with pytest.raises(ConfigError, match="branches do not name it"):
        Terminator(replace(small_config(), block=BlockConfig(branches=("o", "f"))))
    with pytest.raises(ConfigError, match="no time axis"):
        Terminator(small_config(causal=True))
    with pytest.raises(ConfigError, match="local_context='none'"):
        Terminator(small_config((16,), causal=True))
    with pytest.raises(ConfigError, match="sees the future"):
        Terminator(small_config((4, 8, 8), causal=True, local_context="batch"))
    with pytest.raises(UnknownNameError, match="Did you mean 'author'"):
        preset_of("autor")
