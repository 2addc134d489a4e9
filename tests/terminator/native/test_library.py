import pytest
import torch

from twospeed.terminator.fast.evaluator import FastTerminator
from twospeed.terminator.native import library

pytestmark = pytest.mark.skipif(library.load() is None, reason="no C++ compiler here")


@pytest.fixture
def fresh_library(tmp_path, monkeypatch):
    """Forget the library before and after, with an empty cache folder between."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    library.load.cache_clear()
    yield tmp_path / "twospeed"
    library.load.cache_clear()


def test_libraries_of_other_flags_lie_beside_it(fresh_library, tmp_path, monkeypatch):
    compiler = tmp_path / "compiler"
    compiler.write_text('#!/bin/sh\nfor last; do :; done\necho "$@" > "$last"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    for flags in ((), ("-DONE",), ("-DTWO",), ("-DONE",)):
        assert library.build(*flags) is None  # what this compiler writes is no library
    commands = sorted(path.read_text() for path in fresh_library.iterdir())
    assert len(commands) == 3
    assert sum("-DONE" in command for command in commands) == 1


def test_the_library_is_compiled_once(fresh_library):
    assert library.load() is not None
    (path,) = fresh_library.iterdir()
    written = path.stat().st_mtime_ns
    library.load.cache_clear()
    assert library.load() is not None
    assert path.stat().st_mtime_ns == written


@pytest.mark.parametrize(("name", "value"), [("CXX", "false"), ("CXX", "no-compiler-of-this-name"),
                                             ("TWOSPEED_NATIVE", "0")])  # fmt: skip
def test_without_a_compiler_the_framework_does_it(
    name, value, fresh_library, monkeypatch, small_network, generator
):
    monkeypatch.setenv(name, value)
    assert library.load() is None
    assert not fresh_library.exists() or not list(fresh_library.iterdir())
    network = small_network().eval()
    x = torch.randn(2, 3, 8, 8, generator=generator)
    with torch.no_grad():
        torch.testing.assert_close(FastTerminator(network)(x), network(x), rtol=1e-5, atol=1e-5)
