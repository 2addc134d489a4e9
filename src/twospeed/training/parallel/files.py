"""Tensors by name in one file, or in one of each process: read again on any number of processes.

``module.safetensors`` holds whole tensors. ``module-00001-of-00008.safetensors`` holds the rows of
one of eight processes, the first one's also what is not split; their rows one after the other are
the tensor.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.distributed.tensor import DTensor

from twospeed.core.errors import DataError
from twospeed.core.folders import FolderKind, folder_aside
from twospeed.core.tensors import read_tensors
from twospeed.training.parallel.sharding import as_shard, own_rows

Like = Callable[[str], Tensor | None]
"""Name -> the tensor whose place it takes; None where nobody knows."""


def are_split(tensors: Mapping[str, Tensor]) -> bool:
    """Say whether some of the tensors are split over processes."""
    return any(isinstance(it, DTensor) for it in tensors.values())


def save_part(folder: Path, part: str, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors; of those that are split, this process's share."""
    if not dist.is_initialized() or not are_split(tensors):
        save_file(_copies(tensors), folder / f"{part}.safetensors")
        return
    rank, count = dist.get_rank(), dist.get_world_size()
    own = {
        name: it.to_local() if isinstance(it, DTensor) else it
        for name, it in tensors.items()
        if rank == 0 or isinstance(it, DTensor)
    }
    save_file(_copies(own), folder / f"{part}-{rank:05}-of-{count:05}.safetensors")


def read_part(folder: Path, part: str, like: Like) -> dict[str, Tensor]:
    """Read tensors that any number of processes wrote.

    Args:
        folder: of a checkpoint.
        part: such as "module".
        like: a tensor that is split comes as this process's share.

    Raises:
        DataError: when a file is missing or damaged.
    """
    files = sorted(folder.glob(f"{part}-*-of-*.safetensors"))
    if not files:
        whole = read_tensors(folder / f"{part}.safetensors")
        return {name: _placed(it, like(name)) for name, it in whole.items()}
    count = int(files[0].stem.rpartition("-")[2])
    if len(files) != count:
        raise DataError(f"{len(files)} of its {count} files {part}-* are there")
    with ExitStack() as stack:
        opened = [stack.enter_context(safe_open(file, framework="pt")) for file in files]
        names = dict.fromkeys(name for file in opened for name in file.keys())  # noqa: SIM118
        return {name: _read(opened, name, like(name)) for name in names}


def _read(opened: list[Any], name: str, like: Tensor | None) -> Tensor:
    slices = [file.get_slice(name) for file in opened if name in file.keys()]  # noqa: SIM118
    if not slices[0].get_shape():
        number: Tensor = slices[0][...]
        return number
    rows = range(sum(it.get_shape()[0] for it in slices))
    is_split = isinstance(like, DTensor) and len(rows) == like.shape[0]
    if isinstance(like, DTensor) and is_split:
        return as_shard(_rows(slices, own_rows(like)), like)
    return _rows(slices, rows)


def _rows(slices: list[Any], wanted: range) -> Tensor:
    """Return some rows of a tensor that lies in pieces."""
    parts, begin = [], 0
    for piece in slices:
        count = piece.get_shape()[0]
        first, end = max(wanted.start - begin, 0), min(wanted.stop - begin, count)
        parts.append(piece[first : max(first, end)] if count else piece[:])
        begin += count
    return torch.cat(parts)


def _placed(whole: Tensor, like: Tensor | None) -> Tensor:
    if not isinstance(like, DTensor) or whole.shape != like.shape:
        return whole
    rows = own_rows(like)
    return as_shard(whole[rows.start : rows.stop].clone(), like)


@contextmanager
def folder_of_all(path: Path, kind: FolderKind, *, is_shared: bool) -> Iterator[Path]:
    """Give a new folder beside `path`, as `folder_aside` does.

    Args:
        path: its place in the end.
        kind: what may stand there.
        is_shared: every process enters and gets the same folder, on a disk that all of them see.
    """
    if not is_shared:
        with folder_aside(path, kind) as aside:
            yield aside
        return
    is_main = dist.get_rank() == 0
    with folder_aside(path, kind) if is_main else nullcontext() as aside:
        told = [str(aside)]
        dist.broadcast_object_list(told)
        yield Path(told[0])
        dist.barrier()
    dist.barrier()


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
