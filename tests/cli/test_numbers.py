import pytest

from twospeed.cli.app import COMMANDS, main
from twospeed.cli.lazy import LazyCommand
from twospeed.cli.numbers import ZERO_IS_FINE

WRONG = ["-5", "nan", "inf", "0"]


def options_of(command, words):
    for name, one in getattr(command, "commands", {}).items():
        yield from options_of(one, (*words, name))
    annotations = (("int", "whole"), ("float", "number"))
    for option in command.params:
        kind = str(option.type_descriptor.annotation)
        if any(name in kind for name, _ in annotations) and option.opts[0].startswith("--"):
            yield (*words, option.opts[0])


OPTIONS = [
    option
    for name, entry in COMMANDS.items()
    for option in options_of(LazyCommand(name, entry).load(), (name,))
]


def test_there_are_many_options_that_take_numbers():
    assert len(OPTIONS) > 40
    assert ("train", "--minutes") in OPTIONS
    assert ("record", "--size") in OPTIONS


@pytest.mark.parametrize("words", OPTIONS, ids=" ".join)
def test_no_option_takes_a_number_that_means_nothing(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    *command, option = words
    for value in WRONG:
        if value == "0" and option.strip("-").replace("-", "_") in ZERO_IS_FINE:
            continue
        assert main([*command, f"{option}={value}"]) == 2
        error = capsys.readouterr().err
        assert option in error
        assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())
