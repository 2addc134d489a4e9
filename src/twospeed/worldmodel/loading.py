"""Parts of a model: read without chatter, one clear line when it fails; lent to a device."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import ModelMixin
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from twospeed.core.errors import DataError
from twospeed.core.files import read_json
from twospeed.core.untrusted import parsing
from twospeed.worldmodel.part_check import check_part


@contextmanager
def reading(part: str, place: Path) -> Iterator[None]:
    """Turn whatever goes wrong inside the block into one line that names the part.

    Raises:
        DataError: when the folder or a file is missing, damaged, or of another kind.
    """
    if not place.is_dir():  # or else its name is asked for on a hub
        raise DataError(f"cannot read the {part} in {place}: there is no such folder")
    with parsing(f"the {part} in {place}"), quietly():
        yield


def load_local(kind: Any, part: str, place: Path, **options: Any) -> Any:
    """Call ``kind.from_pretrained`` on a folder: no hub is asked, and no code of the folder runs.

    Args:
        kind: a class of diffusers or transformers, named by us and never by the folder.
        part: what it is, for the message.
        place: its folder.
        options: of this class.

    Raises:
        DataError: when the folder or a file is missing, damaged, of another kind, or asks for more
            than its own plain files (part_check.py).
    """
    with reading(part, place):
        check_part(place)
        return kind.from_pretrained(place, local_files_only=True, **options)


def load_network(
    kind: Any,
    part: str,
    place: Path,
    *,
    dtype: torch.dtype = torch.float32,
    variant: str | None = None,
) -> Any:
    """Load a network of diffusers or transformers, ready to be asked.

    Args:
        kind: its class.
        part: what it is, for the message.
        place: its folder.
        dtype: precision of its weights.
        variant: of the files with the weights, such as "fp16".

    Raises:
        DataError: when a file is missing or damaged, weights are missing or not finite.
    """
    precision = {"torch_dtype" if issubclass(kind, ModelMixin) else "dtype": dtype}
    network, found = load_local(
        kind, part, place, output_loading_info=True, use_safetensors=True, variant=variant,
        **precision,
    )  # fmt: skip
    if found["missing_keys"]:
        missing = ", ".join(sorted(found["missing_keys"]))
        raise DataError(f"{place} lacks {missing}: another version of twospeed wrote it")
    for name, tensor in network.state_dict().items():
        if not tensor.isfinite().all():
            raise DataError(f"the {part} in {place} holds numbers that are not finite: {name}")
    return network.eval()


@contextmanager
def quietly() -> Iterator[None]:
    """Hold back progress bars and warnings of diffusers and transformers inside the block."""
    transformers_logging.disable_progress_bar()
    diffusers_logging.disable_progress_bar()
    both = diffusers_logging, transformers_logging
    before = [it.get_verbosity() for it in both]
    for it in both:
        it.set_verbosity_error()
    try:
        yield
    finally:
        for it, verbosity in zip(both, before, strict=True):
            it.set_verbosity(verbosity)
        transformers_logging.enable_progress_bar()
        diffusers_logging.enable_progress_bar()


def class_name_in(place: Path) -> str:
    """Return the class that ``config.json`` names.

    Raises:
        DataError: when there is none.
    """
    name = read_json(place / "config.json").get("_class_name")
    if not isinstance(name, str):
        raise DataError(f"{place / 'config.json'} names no class (_class_name)")
    return name


@contextmanager
def working(part: Any, device: torch.device | None) -> Iterator[None]:
    """Move a network to a device inside the block, and back; None leaves it where it is."""
    home = part.device
    if device is None or home == device:
        yield
        return
    part.to(device)
    try:
        yield
    finally:
        part.to(home)
