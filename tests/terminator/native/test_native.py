import copy
import functools
import os
import pickle
import shutil
import subprocess
import sys
from functools import partial

import pytest
import torch
from torch.nn import functional

from twospeed.terminator.fast.evaluator import FastTerminator
from twospeed.terminator.native import autograd, calls, library

pytestmark = pytest.mark.skipif(library.load() is None, reason="no C++ compiler here")


def standardize(x, *, kinds, activated):
    """The definition: each channel's statistics of its rows (0), of the batch (1), or fixed (2)."""
    means = torch.stack(
        [x.mean(2), x.mean((0, 2)).expand(len(x), -1), torch.full(x.shape[:2], 0.3)]
    )
    mean = means.to(x).gather(0, kinds.long().expand(1, len(x), -1))[0, :, :, None]
    square = (x - mean).square()
    variances = [square.mean(2), square.mean((0, 2)).expand(len(x), -1), torch.full(x.shape[:2], 2)]
    stacked = torch.stack([part.to(x) for part in variances])
    variance = stacked.gather(0, kinds.long().expand(1, len(x), -1))[0, :, :, None]
    y = (x - mean) / torch.sqrt(variance + 1e-5)
    return functional.gelu(y) if activated else y


def standardize_compiled(x, *, kinds, activated):
    fixed = torch.full(kinds.shape, 0.3), torch.full(kinds.shape, 2.0)
    return autograd.standardize(x, kinds, fixed, activated=activated)[0]


def gated_unit(both, bias):
    first, second = (both + bias[:, None]).chunk(2, 1)
    return functional.gelu(functional.layer_norm(first * second, both.shape[2:]))


def convolve(x, kernels):
    groups = kernels.shape[0] * x.shape[1]
    values = x if len(kernels) == 1 else x.flatten(0, 1)[None]
    padding = kernels.shape[2] // 2, kernels.shape[3] // 2
    out = functional.conv2d(values, kernels.flatten(0, 1)[:, None], padding=padding, groups=groups)
    return out.view_as(x)


def pool(x, *, rows, columns, summed):
    out = rows.to(x) @ x @ columns.to(x)
    return out.sum(0, keepdim=True) if summed else out


def combine(first, second, x, y, constant, *, transposed):
    second = second.mT if transposed else second
    return first @ x + second @ y + constant[:, None]


def combine_compiled(first, second, x, y, constant, *, transposed):
    second = second.mT if transposed else second
    return autograd.combine([first, second], [x, y], constant[:, None])


KINDS = torch.tensor([0, 1, 2, 1, 0], dtype=torch.uint8)
ROWS, COLUMNS = torch.rand(3, 7), torch.rand(9, 4)
CASES = {
    **{
        f"standardize-{activated}-{length}": (
            partial(standardize_compiled, kinds=KINDS, activated=activated),
            partial(standardize, kinds=KINDS, activated=activated),
            [(3, 5, length)],
        )
        for activated in (False, True)
        for length in (35, 128)
    },
    "gated unit": (autograd.gated_unit, gated_unit, [(2, 14, 41), (14,)]),
    **{
        f"convolve-{batch}-{height}x{side}-{size}": (
            autograd.convolve,
            convolve,
            [(3, 2, *size), (batch, 2, height, side)],
        )
        for batch in (1, 3)
        for side in calls.SIDES
        for height, size in ((side, (13, 9)), (side, (8, 40)), (1, (1, 21)))
    },
    **{
        f"mix-{size}": (
            autograd.mix,
            torch.matmul,
            [(2, 3, size[0], size[0]), (2, 3, *size)],
        )
        for size in ((4, 4), (7, 7), (8, 5), (33, 33))
    },
    "gate": (
        autograd.gate,
        lambda c, n, x: torch.sigmoid(c[:, :, None] * n[:, None]) * x,
        [(2, 3), (2, 19), (2, 3, 19)],
    ),
    **{
        f"pool-{summed}": (
            partial(autograd.pool, rows_KH=ROWS, columns_WL=COLUMNS, summed=summed),
            partial(pool, rows=ROWS, columns=COLUMNS, summed=summed),
            [(2, 3, 7, 9)],
        )
        for summed in (False, True)
    },
    **{
        f"combine-{rows}x{depth}x{length}-{transposed}": (
            partial(combine_compiled, transposed=transposed),
            partial(combine, transposed=transposed),
            [
                (rows, depth),
                (5, rows) if transposed else (rows, 5),
                (2, depth, length),
                (2, 5, length),
                (rows,),
            ],
        )
        for rows, depth, length in ((1, 1, 1), (6, 12, 16), (13, 7, 300))
        for transposed in (False, True)
    },
}


FLAGS = {4: "-mno-avx", 8: "-mno-avx512f", 16: "-mavx512f"}


@functools.cache
def library_of(lanes):
    """Return the library compiled for so many lanes, None where it cannot be or not run."""
    facts = torch.cpu.get_capabilities()
    runs = {4: True, 8: facts.get("avx2"), 16: facts.get("avx512_f")}[lanes]
    builds = (library.build(*flags) for flags in ((), (FLAGS[lanes],)) if runs)
    return next((it for it in builds if it is not None and it.lanes() == lanes), None)


@pytest.fixture(params=[pytest.param(4, marks=pytest.mark.slow), 8, 16])
def lanes(request, monkeypatch):
    """Use a library compiled for so many lanes."""
    built = library_of(request.param)
    if built is None:
        pytest.skip(f"no {request.param} lanes here")
    monkeypatch.setattr(library, "load", lambda: built)
    return request.param


def drawn(shapes, kind):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(s, generator=generator).to(kind).requires_grad_() for s in shapes]


@pytest.mark.parametrize("name", CASES)
def test_compiled_functions_and_their_gradients_are_the_definition(name, lanes):
    assert library.number("lanes") == lanes
    compiled, definition, shapes = CASES[name]
    found = []
    for function, kind in ((compiled, torch.float32), (definition, torch.float64)):
        inputs = drawn(shapes, kind)
        out = function(*inputs)
        weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(2)).to(kind)
        found.append((out, *torch.autograd.grad((out * weights).sum(), inputs)))
    for got, want in zip(*found, strict=True):
        scale = float(want.detach().abs().max())
        torch.testing.assert_close(got.double(), want, rtol=0, atol=2e-6 * max(1.0, scale) * 10)


@pytest.mark.usefixtures("lanes")
@pytest.mark.parametrize("sizes", [(36,), (64,), (8, 8), (5, 5), (20, 20)])
def test_a_network_is_the_plain_one_at_every_width(sizes, small_network, awaken, generator):
    network = awaken(small_network(sizes)).double().eval()
    x = torch.randn(3, 3, *sizes, generator=generator)
    with torch.no_grad():
        plain = network(x.double())
        scores = FastTerminator(network.float())(x)
    torch.testing.assert_close(scores.double(), plain, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("lanes")
@pytest.mark.parametrize("rows", [1, 6, 13])
def test_panels_hold_the_rows_side_by_side_and_zeros_behind_them(rows):
    weight = torch.randn(4, rows).mT
    panels = calls.pack(weight)
    count, depth, side_by_side = panels.shape
    assert (count, depth) == (-(-rows // side_by_side), 4)
    flat = panels.transpose(1, 2).reshape(-1, depth)
    assert torch.equal(flat[:rows], weight)
    assert not flat[rows:].any()


@pytest.mark.parametrize("name", CASES)
def test_the_number_of_threads_changes_nothing(name):
    compiled, _, shapes = CASES[name]
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            with torch.no_grad():
                found.append(compiled(*drawn(shapes, torch.float32)).clone())
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_gelu_is_within_its_stated_error():
    x = torch.linspace(-30, 30, 100_001)[None, None]
    kinds, one = torch.tensor([2], dtype=torch.uint8), torch.tensor([1 - 1e-5])
    out = autograd.standardize(x.clone(), kinds, (0 * one, one), activated=True)[0]
    error = (out.double() - functional.gelu(x.double())).abs()
    assert error[x.abs() < 3].max() < 6e-7
    assert (error / x.abs().clamp(min=8)).max() < 1.1e-6 / 8
    broken = torch.tensor([[[1.0, float("nan")]]])
    calls.standardize(broken, broken, kinds, (0 * one, one), activated=True)
    assert broken.isnan().tolist() == [[[False, True]]]


def test_gradients_of_gradients_are_refused():
    x = torch.randn(2, 3, 8, requires_grad=True)
    own = torch.zeros(3, dtype=torch.uint8)
    y = autograd.standardize(x, own, activated=True)[0]
    (gradient,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_a_used_evaluator_can_be_copied_and_stored(small_network, generator):
    network = small_network().eval()
    fast = FastTerminator(network)
    x = torch.randn(2, 3, 8, 8, generator=generator)
    with torch.no_grad():
        scores = fast(x)
        for again in (copy.deepcopy(fast), pickle.loads(pickle.dumps(fast))):
            assert torch.equal(again(x), scores)


@pytest.mark.parametrize("damage", ["cut off", "other bytes", "no checksum"])
def test_a_torn_library_is_compiled_anew(tmp_path, monkeypatch, damage):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    whole = library._compiled(shutil.which("c++"), library.FLAGS)
    size = whole.stat().st_size
    if damage == "cut off":
        whole.write_bytes(whole.read_bytes()[: size // 2])
    elif damage == "other bytes":
        whole.write_bytes(bytes(size))
    else:
        whole.write_bytes(whole.read_bytes()[:-64])
    script = (
        "import torch; from twospeed.terminator.native import library;"
        " assert library.build() is not None"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "CXX": "c++"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert whole.stat().st_size == size
