import itertools

import pytest
import torch

from twospeed.core.errors import ConfigError, ShapeError, UnknownNameError
from twospeed.terminator.layers.local_operator import convolve_local
from twospeed.terminator.layers.operators import OPERATORS, contraction_length, mix, square_gate
from twospeed.terminator.layers.resampling import resampling_matrix

EXACT = {"rtol": 1e-12, "atol": 1e-12}


def pair(*shape, generator):
    return (
        torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True),
        torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True),
    )


def test_on_squares_matmul_is_row_by_column(generator):
    kernel, values = pair(2, 3, 4, 4, generator=generator)
    want = torch.einsum("bcik,bckj->bcij", kernel, values)
    torch.testing.assert_close(mix(kernel, values), want, **EXACT)


@pytest.mark.parametrize("sizes", [(3, 5), (6, 4), (1, 4)])
def test_off_squares_the_kernel_is_resampled_to_the_mixed_axis(sizes, generator):
    height, width = sizes
    kernel, values = pair(2, 3, *sizes, generator=generator)
    R = resampling_matrix(width, height, like=values)
    want = torch.einsum("bciw,wk,bckj->bcij", kernel, R, values)
    torch.testing.assert_close(mix(kernel, values), want, **EXACT)


def test_columns_are_rows_of_the_transposed_image(generator):
    kernel, values = pair(2, 3, 4, 6, generator=generator)
    columns = mix(kernel, values, mixing=(0.0, 1.0))
    rows = mix(kernel.mT, values.mT, mixing=(1.0, 0.0)).mT
    torch.testing.assert_close(columns, rows, **EXACT)
    both = mix(kernel, values, mixing=(0.5, 0.5))
    torch.testing.assert_close(both, (mix(kernel, values) + columns) / 2, **EXACT)


def test_resampling_keeps_constants_and_is_the_identity_on_equal_lengths():
    like = torch.zeros((), dtype=torch.float64)
    assert torch.equal(resampling_matrix(5, 5, like=like), torch.eye(5, dtype=torch.float64))
    for num_in, num_out in [(6, 2), (5, 3), (3, 7)]:
        columns = resampling_matrix(num_in, num_out, like=like).sum(0)
        torch.testing.assert_close(columns, torch.ones(num_out, dtype=torch.float64), **EXACT)


def test_one_pixel_reaches_its_row_and_its_column(generator):
    kernel, _ = pair(1, 1, 16, 16, generator=generator)
    x = torch.randn(1, 1, 16, 16, generator=generator, dtype=torch.float64)
    y = x.clone()
    y[0, 0, 3, 7] += 1
    changed = mix(x * kernel, x) != mix(y * kernel, y)
    assert int(changed.sum()) == 31


def test_a_sequence_folds_to_a_square_and_back(generator):
    kernel, values = pair(2, 3, 16, generator=generator)
    folded = mix(kernel.view(2, 3, 4, 4), values.view(2, 3, 4, 4)).flatten(2)
    torch.testing.assert_close(mix(kernel, values, operator="matmul"), folded, **EXACT)


def test_fft_is_the_circular_convolution(generator):
    kernel, values = pair(1, 2, 7, generator=generator)
    want = torch.zeros_like(values)
    for t, s in itertools.product(range(7), repeat=2):
        want = want + torch.nn.functional.one_hot(torch.tensor(t), 7) * (
            kernel[..., s] * values[..., (t - s) % 7]
        ).unsqueeze(-1)
    torch.testing.assert_close(mix(kernel, values, operator="fft"), want, **EXACT)


def test_causal_fft_is_the_one_sided_convolution(generator):
    kernel, values = pair(1, 1, 6, generator=generator)
    want = [
        sum(kernel[0, 0, s] * values[0, 0, t - s] for s in range(t + 1)).item() for t in range(6)
    ]
    got = mix(kernel, values, operator="fft", causal=True)[0, 0].tolist()
    assert got == pytest.approx(want, rel=1e-12)


def test_fft_of_an_image_wraps_both_axes(generator):
    kernel, values = pair(1, 1, 3, 4, generator=generator)
    got = mix(kernel, values, operator="fft")
    want = sum(
        kernel[0, 0, i, j] * values[0, 0].roll((i, j), (0, 1))
        for i, j in itertools.product(range(3), range(4))
    )
    torch.testing.assert_close(got[0, 0], want, **EXACT)


def test_a_clip_mixes_frames_by_a_matrix_and_rows_per_frame(generator):
    kernel, values = pair(2, 2, 3, 4, 4, generator=generator)
    rows = torch.einsum("bctik,bctkj->bctij", kernel, values)
    R = resampling_matrix(16, 3, like=values)
    matrix = kernel.flatten(3) @ R
    time = torch.einsum("bcts,bcshw->bcthw", matrix, values)
    torch.testing.assert_close(mix(kernel, values), (rows + time) / 2, **EXACT)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("sizes", [(9,), (11,), (4, 3, 5)])
def test_causal_outputs_do_not_depend_on_the_future(operator, sizes, generator):
    kernel, values = pair(1, 2, *sizes, generator=generator)
    changed = [part.detach().clone() for part in (kernel, values)]
    for part in changed:
        part[:, :, 3:] += 1
    before = mix(kernel, values, operator=operator, causal=True)
    after = mix(*changed, operator=operator, causal=True)
    torch.testing.assert_close(after[:, :, :3], before[:, :, :3], **EXACT)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("sizes", [(4,), (2, 3), (2, 2, 2)])
def test_gradients_are_those_of_finite_differences(operator, sizes, generator):
    kernel, values = pair(1, 2, *sizes, generator=generator)
    assert torch.autograd.gradcheck(lambda k, v: mix(k, v, operator=operator), (kernel, values))


def test_auto_folds_squares_and_transforms_the_rest():
    assert contraction_length("auto", (1024,)) == 32
    assert contraction_length("auto", (1000,)) == 1000
    assert contraction_length("auto", (16384,)) == 16384
    assert contraction_length("auto", (8, 16)) == 8
    assert contraction_length("hadamard", (8, 8)) == 1


def slow_but_plain(values, kernels):
    batch, channels, height, width = values.shape
    side = kernels.shape[-1]
    out = torch.zeros_like(values)
    for b, c, i, j in itertools.product(*map(range, (batch, channels, height, width))):
        kernel = kernels[b if kernels.shape[0] > 1 else 0, c]
        for u, v in itertools.product(range(side), repeat=2):
            row, column = i + u - side // 2, j + v - side // 2
            if 0 <= row < height and 0 <= column < width:
                out[b, c, i, j] += kernel[u, v] * values[b, c, row, column]
    return out


@pytest.mark.parametrize("num_kernels", [1, 2])
@pytest.mark.parametrize(("side", "size"), [(3, (4, 4)), (5, (3, 6)), (1, (1, 2)), (7, (4, 5))])
def test_local_form_is_its_definition(num_kernels, side, size, generator):
    values = torch.randn(2, 3, *size, generator=generator, dtype=torch.float64)
    kernels = torch.randn(num_kernels, 3, side, side, generator=generator, dtype=torch.float64)
    want = slow_but_plain(values, kernels)
    torch.testing.assert_close(convolve_local(values, kernels), want, **EXACT)


def test_causal_local_form_reads_the_present_and_the_past(generator):
    values = torch.randn(1, 1, 5, generator=generator, dtype=torch.float64)
    kernels = torch.randn(1, 1, 3, generator=generator, dtype=torch.float64)
    got = convolve_local(values, kernels, causal=True)[0, 0]
    want = sum(kernels[0, 0, 2 - lag] * values[0, 0, 4 - lag] for lag in range(3))
    torch.testing.assert_close(got[4], want, **EXACT)


def test_the_two_elementwise_form_loses_the_sign():
    z, w = torch.tensor([-2.0, 3.0]), torch.tensor([0.5, -1.0])
    assert square_gate(z, w).tolist() == [2.0, -9.0]
    assert torch.equal(square_gate(-z, w), square_gate(z, w))


def test_wrong_uses_are_refused():
    image = torch.zeros(1, 2, 3, 3)
    with pytest.raises(ConfigError, match="no time axis"):
        mix(image, image, causal=True)
    with pytest.raises(ShapeError, match="agree in channels and positions"):
        mix(image, torch.zeros(1, 2, 3, 4))
    with pytest.raises(UnknownNameError, match="Did you mean 'matmul'"):
        mix(image, image, operator="matmull")
    with pytest.raises(ConfigError, match="2 weights here"):
        mix(image, image, mixing=(1.0,))
    with pytest.raises(ShapeError, match="too few for a local kernel"):
        convolve_local(image, torch.zeros(1, 2, 7, 7))
    with pytest.raises(ShapeError, match="do not fit"):
        convolve_local(image, torch.zeros(1, 3, 3, 3))
