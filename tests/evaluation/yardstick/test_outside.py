"""Networks of others give what is known of them; only where their weights are."""

import numpy as np
import pytest

from twospeed.core.errors import DataError
from twospeed.evaluation.metrics.frechet import Cloud
from twospeed.evaluation.yardstick import outside


def loaded(load):
    try:
        return load(None)
    except DataError as error:
        pytest.skip(str(error))


def shades(value, *shape):
    return np.full((*shape, 3), value, np.uint8)


def test_i3d_of_zeros_against_ones():
    look = loaded(outside.load_i3d)
    black, white = (
        np.concatenate([look(shades(value, 30, 64, 64)) for _ in range(8)]) for value in (0, 255)
    )
    assert Cloud.of(black).distance(Cloud.of(white)) == pytest.approx(151.26, abs=0.5)


def test_lpips_of_equal_frames_and_of_zeros_against_ones():
    measure = loaded(outside.load_lpips)
    black, white = shades(0, 2, 64, 64), shades(255, 2, 64, 64)
    assert measure(black, black) == pytest.approx(0, abs=1e-6)
    assert measure(black, white) == pytest.approx(0.814, abs=0.02)


def test_resnet18_tells_pictures_apart():
    look = loaded(outside.load_resnet18)
    found = look(np.stack([shades(0, 64, 64), shades(255, 64, 64)]))
    assert found.shape == (2, 512)
    assert not np.allclose(found[0], found[1])
