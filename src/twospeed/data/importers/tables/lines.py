"""The lines of a text file of any encoding that says what it is, and CSV records out of them.

A quote that is never closed, or a row with more cells than the heading, spoils that row alone.
"""

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from twospeed.core.errors import DataError
from twospeed.data.importers.account import Account

MOST_BYTES = 2**30
"""Of a table."""

DELIMITERS = ",;\t|"
MOST_LINES = 50
"""That one quoted text may go over."""

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SAID = re.compile(rf"sep=([{DELIMITERS}])\s*")
_OPEN = "a quote is opened and not closed: close it, or write it twice inside quotes"


class Line(NamedTuple):
    """A line of a file, the first being number 1."""

    number: int
    text: str


class Record(NamedTuple):
    """A row of a CSV table."""

    number: int
    cells: Sequence[str]
    fault: str = ""
    """What is wrong with it; then there are no cells."""


def lines_of(path: Path, account: Account) -> Iterator[Line]:
    """Yield every line that is not blank: UTF-8, or UTF-16 or 32 with a byte order mark.

    Raises:
        DataError: when the file cannot be read, or is too large.
    """
    for number, line in enumerate(_content_of(path).splitlines(keepends=True), start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            where = f"{path.name} row {number}: not UTF-8"
            account.say(
                f"{where} (byte 0x{line[error.start]:02x} at column {error.start + 1}): save the"
                " file as UTF-8; skipped",
                kind="rows that are not UTF-8, skipped",
            )
            continue
        if text.strip():
            yield Line(number, text)


def _content_of(path: Path) -> bytes:
    """Return the content of a file as UTF-8 without a byte order mark."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path.name}: a table of more than a gigabyte is not read")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path.name}: cannot be read: {error.strerror}") from error
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            try:
                return content.decode(encoding).encode()
            except UnicodeError as error:
                raise DataError(f"{path.name}: no {encoding.upper()}: save it as UTF-8") from error
    return content.removeprefix(codecs.BOM_UTF8)


class Table(NamedTuple):
    """A CSV table."""

    heading: list[str]
    """In small letters."""

    delimiter: str
    """What parts its cells."""

    rows: Sequence[Line]


def table_of(lines: Sequence[Line], wanted: Sequence[Sequence[str]]) -> Table:
    """Part the heading of a CSV table from its rows.

    Args:
        lines: the table; a first line such as ``sep=;`` says what parts the cells.
        wanted: for every column the names that it may have. Of comma, semicolon, tab and bar, the
            one that finds most of them parts the cells.

    Raises:
        DataError: when the first line is missing, or is no CSV.
    """
    if lines and lines[0].number > 1:
        raise DataError("the heading cannot be read")
    try:
        return _table_of(lines, wanted)
    except csv.Error as error:
        raise DataError(f"the heading is no CSV ({error})") from error


def _table_of(lines: Sequence[Line], wanted: Sequence[Sequence[str]]) -> Table:
    said = _SAID.fullmatch(lines[0].text) if lines else None
    rows = lines[1 if said else 0 :]
    text = rows[0].text if rows else ""
    headings = {
        delimiter: [name.strip().lower() for name in _parsed(text, delimiter)]
        for delimiter in (said[1] if said else DELIMITERS)
    }
    found = {it: sum(not names.isdisjoint(headings[it]) for names in map(set, wanted))
             for it in headings}  # fmt: skip
    best = max(found, key=lambda it: found[it])
    return Table(headings[best], best, rows[1:])


def records_of(table: Table) -> Iterator[Record]:
    """Yield the records of a table; a text in quotes may go over several lines.

    A record with more cells than the heading has a fault, as one with an open quote.
    """
    lines, num_cells = table.rows, len(table.heading)
    place = 0
    while place < len(lines):
        number = lines[place].number
        try:
            cells, taken = _cells_at(table, place)
        except csv.Error as error:
            yield Record(number, (), f"no CSV ({error})")
            place += 1
            continue
        place += taken
        if cells is None:
            yield Record(number, (), _OPEN)
        elif len(cells) > num_cells and any(cell.strip() for cell in cells[num_cells:]):
            yield Record(
                number, (), f"{len(cells)} cells, but the heading has {num_cells}: put a text that"
                f" holds {table.delimiter!r} in quotes",
            )  # fmt: skip
        else:
            yield Record(number, cells[:num_cells])


def _cells_at(table: Table, place: int) -> tuple[list[str] | None, int]:
    """Return the cells of the record that begins at a line, and how many lines it takes.

    Cells are None when a quote is open: no line closes it, or one that does is a row by itself.
    """
    text, delimiter, num_cells = table.rows[place].text, table.delimiter, len(table.heading)
    if not _is_open(text, delimiter):
        return _parsed(text, delimiter), 1
    for last, line in enumerate(table.rows[place + 1 : place + MOST_LINES], start=place + 1):
        if num_cells > 1 and len(_parsed(line.text, delimiter)) >= num_cells:
            break
        text += line.text
        if not _is_open(text, delimiter):
            return _parsed(text, delimiter), last + 1 - place
    return None, 1


def _is_open(text: str, delimiter: str) -> bool:
    """Return whether a record goes on after a text, as a quote in it is open."""
    return len(list(csv.reader([text.rstrip("\r\n") + "\n", "x"], delimiter=delimiter))) == 1


def _parsed(text: str, delimiter: str) -> list[str]:
    return next(csv.reader([text], delimiter=delimiter), [])
