"""Tables that people write: CSV and JSON lines, read row by row; a bad row is named and left out.

Row numbers are lines of the file, the heading of a CSV being row 1.
"""

import csv
import difflib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twospeed.core.errors import DataError
from twospeed.data.importers.plan import Say

ENDINGS = (".csv", ".jsonl")

Columns = Mapping[str, tuple[str, ...]]
"""What we call a column -> the headings that it may have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of a table."""

    where: str
    """Such as "labels.csv row 3"."""

    values: Mapping[str, str]
    """What we call a column -> its text, never empty."""


def tables_in(folder: Path) -> list[Path]:
    """Return the tables in a folder, or if there is none below it; or the one that is named."""
    for paths in ([folder], folder.glob("*"), folder.rglob("*")):
        found = [path for path in paths if path.suffix.lower() in ENDINGS and path.is_file()]
        if found:
            return sorted(found)
    return []


def read_rows(path: Path, columns: Columns, say: Say) -> Iterator[Row]:
    """Yield the rows that have all of `columns`; every other one is named.

    Args:
        path: a .csv file with a heading, or a .jsonl file with an object a line.
        columns: what is read.
        say: gets a line for every row that is left out.

    Raises:
        DataError: when the heading of a CSV lacks a column or the file cannot be read.
    """
    lines = _decoded(path, say)
    records = _csv_records(path, lines, columns) if path.suffix.lower() == ".csv" else lines
    for number, record in records:
        where = f"{path.name} row {number}"
        values = record if isinstance(record, dict) else _object_of(where, record, say)
        row = values and _row_of(where, values, columns, say)
        if row:
            yield row


def read_objects(path: Path, say: Say) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (where, object) of a file of JSON lines; every line that is no object is named.

    Raises:
        DataError: when the file cannot be read.
    """
    for number, line in _decoded(path, say):
        where = f"{path.name} row {number}"
        values = _object_of(where, line, say)
        if values is not None:
            yield where, values


def parse_seconds(text: str) -> float:
    """Read seconds, such as 12.5, 1:02.5 or 00:01:02.50.

    Raises:
        DataError: when it is no time or below 0.
    """
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    seconds = sum(part * 60.0**power for power, part in enumerate(reversed(parts)))
    if not 1 <= len(parts) <= 3 or min(parts) < 0 or not math.isfinite(seconds):
        raise DataError(f"{text!r} is no time: write seconds (12.5) or hours:minutes:seconds")
    return seconds


def _decoded(path: Path, say: Say) -> Iterator[tuple[int, str]]:
    """Yield (number, text) of every line that is UTF-8 and not blank."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path.name}: cannot be read: {error.strerror}") from error
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(True), start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            say(
                f"{path.name} row {number}: not UTF-8 (byte 0x{line[error.start]:02x} at column"
                f" {error.start + 1}): save the file as UTF-8; skipped"
            )
            continue
        if text.strip():
            yield number, text


def _csv_records(
    path: Path, lines: Iterator[tuple[int, str]], columns: Columns
) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0

    def texts() -> Iterator[str]:
        nonlocal number
        for number, text in lines:  # noqa: B007  # the reader may take several lines for a record
            yield text.replace("\0", " ")

    reader = csv.reader(texts(), strict=False)
    heading = [name.strip().lower() for name in next(reader, [])]
    if number > 1:
        raise DataError(f"{path.name} row 1: the heading cannot be read")
    for names in columns.values():
        _check_heading(path, heading, names)
    try:
        for cells in reader:
            yield number, dict(zip(heading, cells, strict=False))
    except csv.Error as error:
        raise DataError(f"{path.name} row {number}: {error}") from error


def _check_heading(path: Path, heading: Sequence[str], names: Sequence[str]) -> None:
    if set(names) & set(heading):
        return
    near = difflib.get_close_matches(names[0], heading, n=1)
    hint = f": is it {near[0]!r}?" if near else ""
    raise DataError(
        f"{path.name} row 1: there is no column {names[0]!r}{hint}"
        f" (columns: {', '.join(heading) or 'none'})"
    )


def _object_of(where: str, text: str, say: Say) -> dict[str, Any] | None:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        say(f"{where}: no JSON ({error}); skipped")
        return None
    if not isinstance(values, dict):
        say(f"{where}: should be a JSON object, is a {type(values).__name__}; skipped")
        return None
    return {str(name).strip().lower(): value for name, value in values.items()}


def _row_of(where: str, record: Mapping[str, Any], columns: Columns, say: Say) -> Row | None:
    values = {}
    for ours, names in columns.items():
        found = next((record[name] for name in names if record.get(name) is not None), "")
        values[ours] = " ".join(str(found).split())
        if not values[ours]:
            say(f"{where}: there is no {names[0]!r}; skipped")
            return None
    return Row(where=where, values=values)
