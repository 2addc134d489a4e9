import math

import pytest
import torch

from twospeed.core.errors import ConfigError
from twospeed.terminator.layers.coordinates import grid_of
from twospeed.terminator.layers.local_net import ContextConfig, LocalSlowNet
from twospeed.terminator.layers.slow_net import SlowNet, SlowNetConfig, nyquist_omega0


def net_of(sizes, *, generator, **choices):
    return SlowNet(SlowNetConfig(sizes=sizes, **choices), generator=generator)


@pytest.mark.parametrize("sizes", [(7,), (5, 6), (2, 3, 4)])
def test_a_kernel_is_the_recursion_of_the_paper_point_by_point(sizes, generator):
    net = net_of(sizes, outputs=2, width=3, layers=2, omega0=3.0, generator=generator).double()
    with torch.no_grad():
        net.bias_map.normal_(generator=generator)
    kernel = net(grid_of(sizes)).flatten(1)
    points = grid_of(sizes).double().flatten(1)
    for n in range(points.shape[1]):
        waves = [
            torch.sin(frequency @ points[:, n] + phase)
            for frequency, phase in zip(net.frequencies, net.phases, strict=True)
        ]
        hidden = waves[0]
        for i in range(2):
            linear = net.weights[i] @ hidden + net.biases[i]
            hidden = waves[i + 1] * linear + net.bias_map.flatten()[n]
        want = net.out_weight @ hidden + net.out_bias
        torch.testing.assert_close(kernel[:, n], want, rtol=1e-12, atol=1e-12)


def test_nyquist_rule_is_one_turn_in_two_steps():
    sizes, layers = (32, 32), 2
    phase_step = sum(
        2 * math.pi * nyquist_omega0(sizes, layers) * 6 / (i + 1) * (2 / 31) / math.sqrt(2)
        for i in range(layers + 1)
    )
    assert phase_step == pytest.approx(math.pi)


def test_a_smooth_kernel_is_the_same_function_on_a_finer_grid(generator):
    net = net_of((17, 17), outputs=4, width=16, bias_map=False, generator=generator)
    coarse = net(grid_of((17, 17)))
    fine = net(grid_of((33, 33)))
    torch.testing.assert_close(fine[:, ::2, ::2], coarse, rtol=1e-4, atol=1e-5)


def test_a_learned_map_is_interpolated_to_another_grid(generator):
    net = net_of((4, 4), outputs=1, width=4, generator=generator)
    with torch.no_grad():
        net.bias_map.copy_(grid_of((4, 4))[0])
    torch.testing.assert_close(net.shift((7, 7)), grid_of((7, 7))[0])


def test_single_precision_kernels_stay_near_double_at_the_published_frequency(generator):
    net = net_of((32, 32), outputs=3, omega0=2000.0, generator=generator)
    single = net(grid_of((32, 32)))
    double = net.double()(grid_of((32, 32)))
    # the phase is computed in double precision, so only the sums differ
    torch.testing.assert_close(
        single.double(), double, rtol=0, atol=1e-5 * double.abs().max().item()
    )


def test_autocast_does_not_reach_a_slow_net(generator):
    net = net_of((8, 8), outputs=3, omega0=2000.0, generator=generator)
    plain = net(grid_of((8, 8)))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(net(grid_of((8, 8))), plain)


def test_output_scale_is_in_the_weights(generator):
    net = net_of((4, 4), out_scale=0.5, generator=generator)
    again = net_of((4, 4), generator=torch.Generator().manual_seed(0))
    assert torch.equal(net.out_weight, again.out_weight * 0.5)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"sizes": (2, 2, 2, 2)}, "1 to 3 axes"),
        ({"width": 0}, "width must be 1 or more"),
        ({"omega0": -1.0}, "omega0 must be above 0"),
    ],
)
def test_wrong_sizes_are_refused(choices, message):
    with pytest.raises(ConfigError, match=message):
        SlowNetConfig(**choices)


def local_net(scope, generator, **choices):
    config = SlowNetConfig(sizes=(3, 3), outputs=4, width=5, omega0=2.0)
    return LocalSlowNet(config, ContextConfig(scope=scope, **choices), generator=generator)


def test_a_kernel_per_sample_depends_on_that_sample_alone(generator):
    net = local_net("sample", generator).double()
    x = torch.randn(3, 4, 6, 5, generator=generator, dtype=torch.float64)
    kernels = net(grid_of((3, 3)), x)
    assert kernels.shape == (3, 4, 3, 3)
    alone = net(grid_of((3, 3)), x[1:2])
    torch.testing.assert_close(kernels[1:2], alone, rtol=1e-12, atol=1e-12)


def test_a_kernel_per_batch_is_that_of_the_mean_sample(generator):
    net = local_net("batch", generator).double()
    x = torch.randn(3, 4, 6, 5, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(
        net(grid_of((3, 3)), x),
        net(grid_of((3, 3)), x.mean(0, keepdim=True)),
        rtol=1e-12,
        atol=1e-12,
    )


def test_stop_gradient_changes_no_value_and_most_of_the_gradient(generator):
    x = torch.randn(2, 4, 6, 6, generator=generator)
    nets = [
        local_net("sample", torch.Generator().manual_seed(3), stop_gradient=stop)
        for stop in (False, True)
    ]
    kernels = [net(grid_of((3, 3)), x) for net in nets]
    assert torch.equal(*kernels)
    for kernel in kernels:
        kernel.square().sum().backward()
    free, stopped = (net.weights[0].grad.norm() for net in nets)
    assert stopped < 0.2 * free


def test_constants_of_the_renormalization_are_saved_and_not_trained(generator):
    net = local_net("batch", generator, learned=False)
    assert "alpha_1" in net.state_dict()
    assert "alpha_1" not in dict(net.named_parameters())
    assert net.beta_1[0].double() == float(torch.tensor(0.1))
