import pytest
import torch

from twospeed.core.npz import read_arrays
from twospeed.terminator.fast import choice, ops_torch
from twospeed.terminator.fast.evaluator import FastTerminator
from twospeed.terminator.fast.standardize import standardize_batch, standardize_groups
from twospeed.terminator.layers.local_operator import convolve_local
from twospeed.terminator.layers.standardization import (
    BatchStandardization,
    GroupInstanceBatchStandardization,
)
from twospeed.terminator.losses import slow_loss
from twospeed.terminator.native import library
from twospeed.terminator.parity.archive import network_of
from twospeed.terminator.parity.compare import evaluate, relative_error

CASES = [
    ((8, 8), {"published": True}),
    ((8, 8), {}),
    ((9, 9), {"branches": ("e1", "local-3-m-x", "local-5-x-q")}),
    ((36,), {"idle_biases": True, "hci_order": "before"}),
    ((6, 9), {"idle_biases": True, "mixing": (0.5, 0.5)}),
    ((16,), {"operator": "fft"}),
    ((16,), {"local_context": "batch"}),
    ((3, 6, 6), {"local_context": "none"}),
    ((8, 8), {"bias_maps": False, "branches": ("hi", "Zq", "e1")}),
    ((8, 8), {"operator": "hadamard", "branches": ("f", "local-3-m-q", "e1")}),
]


def test_the_archive_is_met_by_the_fast_evaluation_too(archive_path):
    arrays = read_arrays(archive_path)
    network = network_of(arrays)
    fast = FastTerminator(network)
    got = evaluate(network, arrays, step=lambda _, x, __: fast.forward_with_kernels(x))
    names = [n for n in got if n in arrays and n.startswith(("output/", "grad/"))]
    assert len(names) == 25
    assert max(relative_error(got[name], arrays[name]) for name in names) < 1e-10


@pytest.mark.parametrize(("sizes", "choices"), CASES)
def test_fast_is_plain_at_evaluation(sizes, choices, generator, small_network, awaken):
    network = awaken(small_network(sizes, **choices)).double()
    x = torch.randn(3, 3, *sizes, generator=generator, dtype=torch.float64)
    network(x)
    network.eval()
    with torch.no_grad():
        plain, fast = network.forward_with_kernels(x), FastTerminator(network)
        for _ in range(2):
            again = fast.forward_with_kernels(x)
            torch.testing.assert_close(again[0], plain[0], rtol=1e-9, atol=1e-9)
            for kernel, want in zip(again[1], plain[1], strict=True):
                torch.testing.assert_close(kernel, want, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("sizes", "choices"), CASES)
def test_fast_has_the_gradients_of_plain(
    sizes, choices, training, generator, small_network, awaken, without_dropout
):
    network = without_dropout(awaken(small_network(sizes, **choices))).double().train(training)
    x = torch.randn(3, 3, *sizes, generator=generator, dtype=torch.float64)
    found = []
    for evaluator in (network, FastTerminator(network)):
        network.zero_grad()
        scores, kernels = evaluator.forward_with_kernels(x)
        (scores.square().sum() + slow_loss(kernels)).backward()
        found.append({name: part.grad for name, part in network.named_parameters()})
    plain, fast = found
    for name, want in ((n, g) for n, g in plain.items() if g is not None):
        got = torch.zeros_like(want) if fast[name] is None else fast[name]
        torch.testing.assert_close(got, want, rtol=1e-6, atol=1e-8, msg=name)


def errors_in_float32(evaluator, network, x):
    """Return errors of scores and of all gradients, relative to float64's of the plain network."""
    found = []
    for part, kind in ((network, torch.float64), (evaluator, torch.float32)):
        network.to(kind).zero_grad(set_to_none=True)
        scores, kernels = part.forward_with_kernels(x.to(kind))
        (scores.square().sum() + slow_loss(kernels)).backward()
        gradients = [
            torch.zeros_like(part) if part.grad is None else part.grad
            for part in network.parameters()
        ]
        found.append((scores.detach().double(), [part.double() for part in gradients]))
    (wanted, exact), (scores, rough) = found
    largest = max(part.norm() for part in exact)
    error = max(
        (a - b).norm() / (b.norm() + 1e-3 * largest) for a, b in zip(rough, exact, strict=True)
    )
    return float((scores - wanted).abs().max()), float(error)


@pytest.fixture
def make_network(small_network, awaken, without_dropout):
    return lambda sizes, **choices: without_dropout(awaken(small_network(sizes, **choices)))


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("sizes", "choices"), CASES)
def test_fast_is_as_exact_in_float32_as_plain(
    sizes,
    choices,
    training,
    compiled,
    generator,
    small_network,
    awaken,
    without_dropout,
    monkeypatch,
):
    if not compiled:
        monkeypatch.setattr(library, "load", lambda: None)
    network = without_dropout(awaken(small_network(sizes, **choices))).train(training)
    x = torch.randn(3, 3, *sizes, generator=generator)
    of_plain, of_fast = (
        errors_in_float32(evaluator, network, x) for evaluator in (network, FastTerminator(network))
    )
    assert of_fast[0] < 5 * of_plain[0] + 1e-6
    assert of_fast[1] < 5 * of_plain[1] + 1e-5
    with torch.no_grad():
        scores = FastTerminator(network.eval())(x)
        torch.testing.assert_close(scores, network(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("idle_biases", [False, True])
def test_running_averages_move_alike(
    idle_biases, generator, small_network, without_dropout, awaken
):
    x = torch.randn(3, 3, 8, 8, generator=generator)
    plain, fast = (
        without_dropout(awaken(small_network(idle_biases=idle_biases))) for _ in range(2)
    )
    plain(x)
    FastTerminator(fast)(x)
    for (name, want), got in zip(plain.named_buffers(), fast.buffers(), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5, msg=name)


def test_a_changed_weight_is_noticed(generator, small_network):
    network = small_network().eval()
    fast = FastTerminator(network)
    x = torch.randn(1, 3, 8, 8, generator=generator)
    with torch.no_grad():
        before = fast(x)
        network.blocks[1].global_slow.out_weight.mul_(3)
        changed = fast(x)
        torch.testing.assert_close(changed, network(x), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(changed, before)
    with torch.no_grad():
        assert fast(torch.zeros(1, 3, 9, 9)).shape == (1, 5)


def test_causal_networks_are_evaluated_plainly(generator, small_network):
    network = small_network((16,), operator="fft", causal=True, local_context="none").eval()
    x = torch.randn(2, 3, 16, generator=generator)
    assert torch.equal(FastTerminator(network)(x), network(x))


def test_bfloat16_stays_near(generator, small_network, awaken, monkeypatch):
    monkeypatch.setattr(choice, "multiplies_bfloat16", lambda: True)
    network = awaken(small_network(published=True, num_classes=10)).eval()
    x = torch.randn(8, 3, 8, 8, generator=generator)
    with torch.no_grad():
        plain = network(x)
        rounded = FastTerminator(network, dtype=torch.bfloat16)(x)
    assert rounded.dtype == torch.float32
    # bfloat16 keeps 8 bits: an error of 0.4 % per rounding
    assert (rounded - plain).abs().mean() < 0.05 * plain.std()


def test_float32_stands_in_where_bfloat16_would_be_emulated(generator, small_network, monkeypatch):
    monkeypatch.setattr(choice, "multiplies_bfloat16", lambda: False)
    network = small_network().eval()
    x = torch.randn(2, 3, 8, 8, generator=generator)
    with torch.no_grad():
        wanted = FastTerminator(network)(x)
        assert torch.equal(FastTerminator(network, dtype=torch.bfloat16)(x), wanted)


@pytest.mark.parametrize("num_kernels", [1, 3])
@pytest.mark.parametrize(
    ("side", "size"), [(3, (5, 6)), (9, (6, 5)), (1, (4, 4)), (7, (30, 33)), (5, (64, 61))]
)
def test_gradients_of_depthwise_kernels(num_kernels, side, size, generator):
    def draw(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)

    inputs = draw(3, 2, *size), draw(num_kernels, 2, side, side)
    weights = draw(3, 2, *size).detach()
    plain, fast = (
        torch.autograd.grad((convolve(*inputs) * weights).sum(), inputs)
        for convolve in (convolve_local, ops_torch.convolve)
    )
    torch.testing.assert_close(fast, plain, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_gradients_of_standardizations(statistics, generator):
    x = torch.randn(3, 12, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    for layer, fast in [
        (BatchStandardization(12, statistics=statistics), standardize_batch),
        (GroupInstanceBatchStandardization(12, statistics=statistics), standardize_groups),
    ]:
        for training in (True, False):
            layer.double().train(training)
            assert torch.autograd.gradcheck(lambda x, f=fast, m=layer: f(x, m, ops_torch), (x,))
            torch.testing.assert_close(fast(x, layer, ops_torch), layer(x), rtol=1e-9, atol=1e-9)
