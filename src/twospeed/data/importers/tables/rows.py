"""Tables that people write: CSV and JSON lines, read row by row; a bad row is named and left out.

Row numbers are lines of the file, the heading of a CSV being row 1.
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twospeed.core.errors import DataError
from twospeed.core.fields import shown
from twospeed.core.untrusted import parse_json
from twospeed.data.importers.account import Account
from twospeed.data.importers.files import files_of
from twospeed.data.importers.tables.lines import Line, lines_of, records_of, table_of

ENDINGS = (".csv", ".jsonl")
MOST_SECONDS = 360_000.0
"""The latest time that a table may name: a hundred hours."""

Columns = Mapping[str, tuple[str, ...]]
"""What we call a column -> the headings that it may have."""

_NUMBER = re.compile(r"\s*\+?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,3})?\s*", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of a table."""

    where: str
    """Such as "labels.csv row 3"."""

    values: Mapping[str, str]
    """What we call a column -> its text, never empty, without white space round it."""


def tables_in(folder: Path, account: Account) -> list[Path]:
    """Return the tables in a folder, or if there is none below it; or the one that is named.

    Hidden files, such as those that other systems leave beside a table, are named and left out.
    """
    if folder.is_file():
        return [folder] if folder.suffix.lower() in ENDINGS else []
    here = files_of(folder.glob("*"), folder, ENDINGS, account)
    below = files_of(folder.rglob("*/*"), folder, ENDINGS, account)
    for path in below if here else ():
        line = f"{path.relative_to(folder).as_posix()}: lies below other tables; skipped"
        account.say(line, kind="tables below other tables, skipped")
    return here or below


def headings_in(path: Path, wanted: Sequence[Sequence[str]]) -> list[str]:
    """Return the headings of a CSV table, or the names of the first object of JSON lines.

    Args:
        path: the table; one that cannot be read has none.
        wanted: the names that columns may have.
    """
    try:
        first = next(lines_of(path, Account()), Line(1, ""))
        if path.suffix.lower() == ".csv":
            return table_of([first], wanted).heading
        values = parse_json(first.text, path.name)
    except DataError:
        return []
    return [name.strip().lower() for name in values] if isinstance(values, dict) else []


def read_rows(path: Path, columns: Columns, account: Account) -> Iterator[Row]:
    """Yield the rows that have all of `columns`; every other one is named.

    Args:
        path: a .csv file with a heading, or a .jsonl file with an object a line.
        columns: what is read.
        account: counts all rows, and gets a line for every one that is left out.

    Raises:
        DataError: when the heading of a CSV lacks a column or the file cannot be read.
    """
    is_csv = path.suffix.lower() == ".csv"
    records = _csv_records(path, columns, account) if is_csv else read_objects(path, account)
    for where, record in records:
        row = _row_of(where, record, columns, account)
        if row:
            yield row


def read_objects(path: Path, account: Account) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (where, object) of a file of JSON lines; every line that is no object is named.

    Raises:
        DataError: when the file cannot be read.
    """
    for number, line in lines_of(path, account):
        where = f"{path.name} row {number}"
        account.num_entries += 1
        try:
            values = parse_json(line, "the line")
        except DataError as error:
            account.say(f"{where}: no JSON ({error}); skipped", kind="rows of no JSON, skipped")
            continue
        if isinstance(values, dict):
            yield where, {name.strip().lower(): value for name, value in values.items()}
        else:
            line = f"{where}: should be a JSON object, is a {type(values).__name__}; skipped"
            account.say(line, kind="rows that are no JSON object, skipped")


def parse_seconds(text: str) -> float:
    """Read seconds, such as 12.5, 1:02.5 or 00:01:02.50.

    Raises:
        DataError: when it is no time, below 0, or above `MOST_SECONDS`.
    """
    parts = text.split(":")
    if len(parts) > 3 or not all(_NUMBER.fullmatch(part) for part in parts):
        how = "write seconds with a point (12.5) or hours:minutes:seconds"
        raise DataError(f"{shown(text)} is no time: {how}")
    seconds = sum(float(part) * 60.0**power for power, part in enumerate(reversed(parts)))
    if seconds > MOST_SECONDS:
        raise DataError(f"{shown(text)} is no time within a hundred hours")
    return seconds


def _csv_records(
    path: Path, columns: Columns, account: Account
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    lines = list(lines_of(path, account))
    try:
        table = table_of(lines, list(columns.values()))
    except DataError as error:
        raise DataError(f"{path.name} row 1: {error}") from error
    for names in columns.values():
        _check_heading(path, table.heading, names)
    for record in records_of(table):
        where = f"{path.name} row {record.number}"
        account.num_entries += 1
        if record.fault:
            line = f"{where}: {record.fault}; skipped"
            account.say(line, kind="rows that are no CSV of this heading, skipped")
        else:
            yield where, dict(zip(table.heading, record.cells, strict=False))


def _check_heading(path: Path, heading: Sequence[str], names: Sequence[str]) -> None:
    twice = [name for name in names if heading.count(name) > 1]
    if twice:
        raise DataError(f"{path.name} row 1: there are two columns {twice[0]!r}")
    if set(names) & set(heading):
        return
    near = difflib.get_close_matches(names[0], heading, n=1)
    hint = f": is it {near[0]!r}?" if near else ""
    raise DataError(
        f"{path.name} row 1: there is no column {names[0]!r}{hint}"
        f" (columns: {shown(', '.join(heading)) if heading else 'none'})"
    )


def _row_of(
    where: str, record: Mapping[str, Any], columns: Columns, account: Account
) -> Row | None:
    values = {}
    for ours, names in columns.items():
        found = next((record[name] for name in names if record.get(name) is not None), "")
        if isinstance(found, bool) or not isinstance(found, str | int | float):
            line = f"{where}: its {names[0]!r} is a {type(found).__name__}; skipped"
            account.say(line, kind=f"rows of which {names[0]!r} is no text, skipped")
            return None
        values[ours] = str(found).strip()
        if not values[ours]:
            line = f"{where}: there is no {names[0]!r}; skipped"
            account.say(line, kind=f"rows without {names[0]!r}, skipped")
            return None
    return Row(where=where, values=values)
