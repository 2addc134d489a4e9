"""The files of a LeRobot dataset that many episodes share: Parquet tables and MP4 videos."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from twospeed.core.errors import DataError, require
from twospeed.core.video import Frames

CAMERA = "observation.images.camera"
FILES_PER_CHUNK = 1000
DATA_FILE_MEGABYTES = 100
VIDEO_FILE_MEGABYTES = 200
PLACE = "chunk-{chunk_index:03d}/file-{file_index:03d}"


class Rows:
    """Writes the Parquet files of ``data/``, a row group an episode."""

    def __init__(self, root: Path) -> None:
        self._root, self._number = root, 0
        self._writer: Any = None

    def add(self, columns: dict[str, Any]) -> dict[str, int]:
        """Append an episode and say where it lies."""
        pyarrow, parquet = pyarrow_modules()
        arrays = {name: _array_of(pyarrow, column) for name, column in columns.items()}
        table = pyarrow.table(arrays)
        if self._writer is None:
            path = self._root / "data" / f"{place_of(self._number)}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._path, self._writer = path, parquet.ParquetWriter(path, table.schema)
        self._writer.write_table(table)
        place = _indices("data", self._number)
        if self._path.stat().st_size > DATA_FILE_MEGABYTES * 2**20:
            self.close()
            self._number += 1
        return place

    def close(self) -> None:
        """End the file that is being written."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None


class Videos:
    """Writes the MP4 files of the camera, episodes one after the other."""

    def __init__(self, root: Path, rate: Fraction, megabytes: int) -> None:
        self._root, self._rate, self._limit = root, rate, megabytes * 2**20
        self._number = self._num_frames = self._num_bytes = 0
        self._container: Any = None

    def add(self, frames_THWC: Frames) -> dict[str, float]:
        """Append the frames of an episode and say where they lie."""
        av = require("av", extra="all")
        if self._container is None:
            self._open(av, *frames_THWC.shape[1:3])
        begin = self._num_frames
        for pixels in frames_THWC:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, self._num_frames = self._num_frames, self._num_frames + 1
            self._mux(self._stream.encode(frame))
        key = f"videos/{CAMERA}"
        times = {"from": begin / self._rate, "to": self._num_frames / self._rate}
        place: dict[str, float] = {f"{key}/{it}_timestamp": float(times[it]) for it in times}
        place |= _indices(key, self._number)
        if self._num_bytes > self._limit:
            self.close()
            self._number += 1
        return place

    def close(self) -> None:
        """End the file that is being written."""
        if self._container is not None:
            self._mux(self._stream.encode())
            self._container.close()
        self._container = None

    def _open(self, av: Any, height: int, width: int) -> None:
        if height % 2 or width % 2:
            raise DataError(f"an MP4 video has even sides, the frames are {width}x{height}")
        path = self._root / "videos" / CAMERA / f"{place_of(self._number)}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        options = {"crf": "10", "preset": "veryfast", "g": "2", "bf": "0"}  # quick to seek in
        self._container = av.open(str(path), "w")
        self._stream = self._container.add_stream("libx264", rate=self._rate, options=options)
        self._stream.height, self._stream.width = height, width
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = 1 / self._rate
        self._num_frames = self._num_bytes = 0

    def _mux(self, packets: Sequence[Any]) -> None:
        self._num_bytes += sum(packet.size for packet in packets)
        self._container.mux(packets)


def _array_of(pyarrow: Any, column: Any) -> Any:
    if column.ndim == 1:
        return pyarrow.array(column)
    flat_values = pyarrow.array(np.ascontiguousarray(column).ravel())
    return pyarrow.FixedSizeListArray.from_arrays(flat_values, column.shape[1])


def pyarrow_modules() -> tuple[Any, Any]:
    """Return pyarrow and its Parquet module.

    Raises:
        MissingExtraError: when it is not installed.
    """
    return require("pyarrow", extra="data"), require("pyarrow.parquet", extra="data")


def _indices(key: str, number: int) -> dict[str, int]:
    chunk, file = divmod(number, FILES_PER_CHUNK)
    return {f"{key}/chunk_index": chunk, f"{key}/file_index": file}


def place_of(number: int) -> str:
    """Return the name of a file, without its ending, below ``data``, ``videos`` or ``meta``."""
    chunk, file = divmod(number, FILES_PER_CHUNK)
    return PLACE.format(chunk_index=chunk, file_index=file)
