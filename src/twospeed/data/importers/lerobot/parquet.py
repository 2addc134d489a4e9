"""Parquet tables of others: columns of numbers, rows, and pictures in a column."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError, require
from twospeed.core.pictures import Size, decode_picture, fit_frame
from twospeed.core.untrusted import parsing
from twospeed.data.importers.plan import Say
from twospeed.worlds.base import Frame

MOST_ROWS = 20_000_000
"""Of one file."""


def read_table(path: Path, *, columns: Sequence[str] | None = None, without: str = "") -> Any:
    """Read a Parquet file.

    Args:
        path: the file.
        columns: which columns, those that are not there left out; None for all.
        without: leaves out the columns that begin so.

    Raises:
        DataError: when it is missing, too large, or no Parquet.
        MissingExtraError: when pyarrow is not installed.
    """
    parquet = require("pyarrow.parquet", extra="data")
    if not path.is_file():
        raise DataError(f"{path.name} is missing")
    try:
        with parsing(), parquet.ParquetFile(path) as file:
            if file.metadata.num_rows > MOST_ROWS:
                raise DataError(f"it has more than {MOST_ROWS:,} rows")
            names = [
                name
                for name in file.schema_arrow.names
                if not (without and name.startswith(without))
            ]
            return file.read([name for name in names if columns is None or name in columns])
    except DataError as error:
        raise DataError(f"{path.name} cannot be read as Parquet: {error}") from error


def numbers_in(table: Any, column: str) -> NDArray[np.float64] | None:
    """Return a column of numbers, NaN where there is none; None when there is no such column.

    Raises:
        DataError: when it holds anything but numbers.
    """
    if column not in table.column_names:
        return None
    types = require("pyarrow.types", extra="data")
    found = table.column(column)
    kinds = (types.is_integer, types.is_floating, types.is_null)
    if not any(is_kind(found.type) for is_kind in kinds):
        raise DataError(f"its column {column!r} holds {found.type}, no numbers")
    with parsing():
        return np.asarray(found.to_numpy(), np.float64)


@dataclass(frozen=True, kw_only=True, slots=True)
class ParquetFootage:
    """Pictures in a column of a Parquet table: structs of ``bytes``, a frame a row."""

    path: Path
    name: str
    column: str
    first_row: int
    num_rows: int
    rate: float
    """Frames per second."""

    def frames_at(self, times: Sequence[float], *, size: Size, say: Say) -> Iterator[Frame | None]:  # noqa: ARG002
        """Yield the frame that is seen at each of `times`; fewer when the rows end before.

        None stands for a picture that cannot be read.

        Raises:
            DataError: when the file cannot be read.
        """
        try:
            table = read_table(self.path, columns=[self.column])
            if not table.column_names:
                raise DataError(f"{self.path.name} has no column {self.column!r}")
            rows = table.column(0)
            for time in times:
                number = int(time * self.rate)
                if number >= self.num_rows:
                    return
                picture = _picture_of(rows[self.first_row + number].as_py())
                yield None if picture is None else fit_frame(picture, size)
        except DataError as error:
            raise DataError(f"cannot be read: {error}") from error


def _picture_of(cell: Any) -> Frame | None:
    content = cell.get("bytes") if isinstance(cell, dict) else cell
    try:
        return decode_picture(content).pixels if isinstance(content, bytes) else None
    except DataError:
        return None
