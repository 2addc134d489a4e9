import pytest

from twospeed.core.errors import DataError
from twospeed.evaluation.yardstick import outside, weights


@pytest.mark.parametrize("load", [outside.load_i3d, outside.load_lpips, outside.load_resnet18])
def test_what_is_missing_says_how_to_get_it(load, tmp_path):
    with pytest.raises(DataError, match="missing"):
        load(tmp_path)


def test_a_package_that_does_not_load_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "of_another_build.py").write_text(
        "raise RuntimeError('operator x::y is not\\nthere')"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DataError, match="package of_another_build does not load here: operator x"):
        weights.package_of("of_another_build")


def test_weights_have_a_hash_where_they_are(tmp_path):
    assert weights.hash_of(tmp_path, weights.I3D) is None
    (tmp_path / weights.I3D).write_bytes(b"weights")
    assert len(weights.hash_of(tmp_path, weights.I3D)) == 16
