"""`twospeed`: the door of the command line. Mistakes of the user's end in one line here."""

import errno
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

import twospeed
from twospeed.cli.lazy import Entry, LazyCommand
from twospeed.core.capacity import is_out_of_memory
from twospeed.core.errors import TwospeedError

COMMANDS: dict[str, Entry] = {
    name: Entry(module=f"twospeed.cli.{module}", attribute=attribute, summary=summary)
    for name, module, attribute, summary in (
        ("demo", "demo", "demo", "Walk an unseen episode with and without memory; write a video."),
        ("play", "play", "play", "Walk in a dream in the browser; see what it remembers."),
        ("dream", "dream", "dream", "Generate a long video, action by action."),
        ("models", "models", "models", "List the packaged models."),
        ("memory", "memory", "app", "Look at memories, fork, merge, compare or forget them."),
        (
            "plan-memory",
            "large.plan_memory",
            "command",
            "What a large model with a memory takes.",
        ),
        ("recall", "recall", "recall", "Measure what memory recalls of places out of sight."),
        ("plan", "planning.plan", "plan", "Act on a task that needs memory, measured."),
        (
            "consolidate",
            "planning.consolidate",
            "consolidate",
            "Let memories become a skill of the slow weights; roll back what is forgotten.",
        ),
        ("adherence", "adherence", "adherence", "Measure whether actions are obeyed, by domain."),
        (
            "evaluate",
            "judging.evaluate",
            "evaluate",
            "Judge folders of videos, or memories on a model.",
        ),
        ("rate", "judging.rate", "rate", "Let people rate a run's clips; say if they agree."),
        ("worlds", "worlds", "worlds", "List the worlds: installed or not, commands, speed."),
        ("record", "record", "record", "Record episodes of a world as shards."),
        ("import", "importing", "import_", "Import recordings of other formats as shards."),
        ("data", "data", "app", "Look at recorded data: counts, leaks, duplicates, sheets."),
        ("export", "exporting", "app", "Write shards as a dataset of another format."),
        ("train", "train", "train", "Train a world model on recorded episodes."),
        ("terminator", "terminator", "app", "The Terminator vision network."),
        ("fit", "fit", "fit", "Fit a Terminator network to labelled data."),
        ("info", "info", "info", "Show versions and devices, for bug reports."),
    )
}
"""Name -> where it lives."""

LONGEST_LINE = 2000
"""Letters of what is said about a mistake."""

app = typer.Typer(
    name="twospeed",
    help="Video world models that remember.",
    no_args_is_help=True,
    add_completion=False,
)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"twospeed {twospeed.__version__}")
        raise typer.Exit


@app.callback()
def _door(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Video world models that remember."""


def build() -> Any:
    """Return the whole command with all its sub-commands, none of them imported yet."""
    group: Any = typer.main.get_group(app)
    for name, entry in COMMANDS.items():
        group.add_command(LazyCommand(name, entry), name)
    return group


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; a user's mistake is one line and code 2."""
    try:
        with build().make_context("twospeed", list(arguments) or ["--help"]) as context:
            context.command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _say("stopped; the same command starts again or goes on", code=130)
    except TwospeedError as error:
        return _say(str(error), code=2)
    except BrokenPipeError:  # who was reading, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            return _say(f"the disk is full: {error}", code=2)
        if error.errno in {errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP}:
            return _say(f"{error.filename}: {error.strerror}", code=2)
        raise
    except Exception as error:
        if is_out_of_memory(error):
            return _say(f"the memory is full: take less at once ({error})", code=2)
        return _misused(error)
    return 0


def run() -> None:
    """Run `twospeed` with the arguments of this process."""
    sys.exit(main(sys.argv[1:]))


def _misused(error: Exception) -> int:
    """Turn a wrong option or argument into one line; anything else is a bug and goes on."""
    usage_error: Any = typer.BadParameter.__base__
    if not isinstance(error, usage_error.__base__):
        raise error
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message())
        return 0
    return _say(f"{error.format_message()} (try --help)", code=2)


def _say(message: str, *, code: int) -> int:
    line = " ".join(message.split())
    if len(line) > LONGEST_LINE:  # what a user wrote, or a file of another, can be in it
        half = LONGEST_LINE // 2
        line = f"{line[:half]} ... {line[-half:]}"
    typer.echo(f"twospeed: {line}", err=True)
    return code


if __name__ == "__main__":
    run()
