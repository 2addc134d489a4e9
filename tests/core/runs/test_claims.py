import pytest

from twospeed.core.errors import ConfigError, DataError
from twospeed.core.files import write_json
from twospeed.core.runs.claims import claimed

WANTED = {"config": {"steps": 3}, "data": {"hash": "a"}}


def fail(out, error, *left):
    with claim(out, WANTED):
        for name in left:
            (out / name).mkdir()
        raise error


def claim(out, wanted, **more):
    scraps = ("half/*", "frames of other data/*")
    return claimed(out, "run.json", wanted, kind="run", work=("checkpoint",), scraps=scraps, **more)


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


@pytest.mark.parametrize("own", ["thesis.txt", "cache/thesis.txt", "other/part.npy"])
def test_files_of_ones_own_are_never_cleared_away(tmp_path, own):
    out = tmp_path / "run"
    for path in (out / own, out / "cache" / "part.npy"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    write_json(out / "note.json", {"data": "a"})
    before = sorted(out.rglob("*"))
    given = {"kind": "run", "work": ("*/done",), "scraps": ("cache/*.npy",)}
    with (
        pytest.raises(DataError, match="nothing was touched"),
        claimed(out, "note.json", {"data": "b"}, **given),
    ):
        pass
    with (
        pytest.raises(DataError, match="a mistake"),
        claimed(out, "note.json", {"data": "a"}, **given),
    ):
        raise DataError("a mistake")
    assert sorted(out.rglob("*")) == before
    (out / own).unlink()
    if own.startswith("other"):
        (out / "other").rmdir()
    with claimed(out, "note.json", {"data": "b"}, **given):
        assert [it.name for it in out.iterdir()] == ["note.json"]


def test_a_mistake_after_work_leaves_the_work(tmp_path):
    out = tmp_path / "run"
    with pytest.raises(DataError, match="not finite"):
        fail(out, DataError("the loss is not finite"), "checkpoint")
    assert (out / "checkpoint").exists()
