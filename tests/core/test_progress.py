import io
import json

import pytest
from rich.console import Console

from twospeed.core.errors import DataError
from twospeed.core.progress import Journal, progress


def shown(*, terminal, pause=30.0, label="baking", total=4, seconds=None):
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=120)
    with progress(
        label,
        total=total,
        unit="loaves",
        already=1,
        seconds=seconds,
        console=console,
        seconds_between_lines=pause,
    ) as advance:
        for _ in range(3):
            advance(1, note="warm")
    return text.getvalue()


def test_a_terminal_gets_a_bar_with_the_counts():
    text = shown(terminal=True)
    assert "baking" in text
    assert "4/4" in text
    assert "loaves" in text


@pytest.mark.parametrize("terminal", [True, False])
def test_a_label_that_looks_like_markup_is_shown_as_it_is(terminal):
    assert "[/red]" in shown(terminal=terminal, pause=0.0, label="[/red]")


def test_no_terminal_gets_nothing_for_a_short_work():
    assert shown(terminal=False) == ""


def test_no_terminal_gets_a_plain_line_now_and_then():
    lines = shown(terminal=False, pause=0.0).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("baking: 2 of 4 loaves, ")
    assert lines[2].endswith("0 min 0 s left, warm")
    assert "\x1b" not in lines[0]


@pytest.mark.parametrize("terminal", [True, False])
def test_time_left_is_no_longer_than_the_time_that_is_given(terminal):
    text = shown(terminal=terminal, pause=0.0, total=10**12, seconds=90.0)
    assert "1 min 30 s left" in text or "1 min 29 s left" in text
    assert " h " not in text


def test_a_journal_keeps_every_line(tmp_path):
    journal = Journal(tmp_path / "runs" / "journal.jsonl")
    journal.write(step=1, loss=0.5)
    Journal(journal.path).write(step=2, loss=0.25)
    found = [json.loads(line) for line in journal.path.read_text().splitlines()]
    assert found == [{"loss": 0.5, "step": 1}, {"loss": 0.25, "step": 2}]


def test_a_line_that_a_kill_cut_off_does_not_spoil_the_next(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write(step=1)
    with journal.path.open("a") as file:
        file.write('{"step": 2, "lo')
    journal.write(step=2)
    lines = journal.path.read_text().splitlines()
    assert [lines[0], lines[2]] == ['{"step": 1}', '{"step": 2}']


def test_a_journal_that_cannot_be_written_is_one_clear_error(tmp_path):
    with pytest.raises(DataError, match="cannot write"):
        Journal(tmp_path).write(step=1)


def test_of_processes_that_were_launched_together_the_first_speaks(monkeypatch, capsys):
    for rank, is_heard in (("1", False), ("0", True)):
        monkeypatch.setenv("RANK", rank)
        with progress("training", total=2, unit="steps", seconds_between_lines=0.0) as advance:
            advance()
        assert ("training" in capsys.readouterr().err) == is_heard
