import pytest

from twospeed.core.errors import ConfigError, DataError
from twospeed.core.runs.claims import claimed

WANTED = {"config": {"steps": 3}, "data": {"hash": "a"}}


def fail(out, error, *left):
    with claim(out, WANTED):
        for name in left:
            (out / name).mkdir()
        raise error


def claim(out, wanted, **more):
    return claimed(out, "run.json", wanted, kind="run", work=("checkpoint",), **more)


def test_a_run_with_work_goes_on_with_the_same_alone(tmp_path):
    out = tmp_path / "run"
    with claim(out, WANTED):
        (out / "checkpoint").mkdir()
    with claim(out, WANTED):
        pass
    with (
        pytest.raises(DataError, match=r"\(data.hash differ\): give the same as before .* --out"),
        claim(out, WANTED | {"data": {"hash": "b"}}),
    ):
        pass


def test_what_an_earlier_version_did_not_note_counts_as_the_same(tmp_path):
    out = tmp_path / "run"
    with claim(out, {"config": {"steps": 3}}):
        (out / "checkpoint").mkdir()
    with claim(out, WANTED):
        pass


def test_a_mistake_before_any_work_leaves_nothing(tmp_path):
    out = tmp_path / "run"
    with pytest.raises(ConfigError):
        fail(out, ConfigError("a wrong setting"), "half")
    assert not out.exists()


def test_what_a_kill_left_without_work_is_begun_anew(tmp_path):
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        fail(out, KeyboardInterrupt(), "frames of other data")
    with claim(out, {"config": {"steps": 4}}):
        assert [path.name for path in out.iterdir()] == ["run.json"]


def test_a_mistake_after_work_leaves_the_work(tmp_path):
    out = tmp_path / "run"
    with pytest.raises(DataError, match="not finite"):
        fail(out, DataError("the loss is not finite"), "checkpoint")
    assert (out / "checkpoint").exists()
