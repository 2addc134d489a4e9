"""Which files below a folder are looked at."""

from collections.abc import Iterable
from pathlib import Path

from twospeed.data.importers.account import Account


def files_of(
    paths: Iterable[Path], folder: Path, endings: tuple[str, ...], account: Account
) -> list[Path]:
    """Return the files with one of these endings, in order; those passed over are named.

    Args:
        paths: below `folder`.
        folder: what parts of a path are looked at below.
        endings: in small letters, such as ".csv".
        account: of files that are hidden or whose names are no text.
    """
    found = []
    for path in sorted(path for path in paths if path.suffix.lower() in endings):
        name = path.relative_to(folder).as_posix()
        reason = _why_not(name)
        if reason:
            account.say(f"{name}: {reason}; skipped", kind=f"files that are passed over: {reason}")
        elif path.is_file():
            found.append(path)
    return found


def _why_not(name: str) -> str:
    if any(part.startswith(".") for part in name.split("/")):
        return "hidden"
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        return "its name is no UTF-8"
    return ""
