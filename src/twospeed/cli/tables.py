"""Tables on the terminal, as wide as it is: turned, wrapped, or in blocks; never cut."""

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text


def print_table(table: Table) -> None:
    """Print a table of texts so that every letter of it can be read.

    One that is too wide is turned on its side if it fits then, or its cells are wrapped at their
    words, or each row becomes a block of lines.
    """
    console = Console(markup=False)
    if not _fits(table, console):
        turned = _turned(table)
        if _fits(turned, console):
            table = turned
        elif sum(map(_longest_word, zip(*_rows_of(table), strict=True))) > console.width:
            _print_blocks(table, console)
            return
    for column in table.columns:
        column.overflow = "fold"
    console.print(table, highlight=False)


def _fits(table: Table, console: Console) -> bool:
    free = console.options.update(width=10_000)
    return Measurement.get(console, free, table).maximum <= console.width


def _longest_word(column: tuple[str, ...]) -> int:
    """Return how wide a column is at least, with what parts it from the next one."""
    return 3 + max(len(word) for cell in column for word in (*cell.split(), ""))


def _rows_of(table: Table) -> list[tuple[str, ...]]:
    """Return the headings and all rows."""
    columns = [[str(it.header), *map(str, it.cells)] for it in table.columns]
    return list(zip(*columns, strict=True))


def _turned(table: Table) -> Table:
    (corner, *names), *rows = zip(*_rows_of(table), strict=True)
    turned = Table(corner, *names, box=None, title=table.title)
    for row in rows:
        turned.add_row(*row)
    return turned


def _print_blocks(table: Table, console: Console) -> None:
    headings, *rows = _rows_of(table)
    if table.title:
        console.print(Text(str(table.title)), highlight=False)
    for row in rows:
        for heading, cell in zip(headings, row, strict=True):
            console.print(Text(f"{heading}: {cell}"), highlight=False)
        console.print()
