"""Reading the parts of a model folder: without chatter, and with one clear line when it fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from twospeed.core.errors import DataError, TwospeedError
from twospeed.core.files import read_json


@contextmanager
def reading(part: str, place: Path) -> Iterator[None]:
    """Turn whatever goes wrong inside the block into one line that names the part.

    Raises:
        DataError: when a file is missing, damaged, or of another kind.
    """
    try:
        with quietly():
            yield
    except TwospeedError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(f"cannot read the {part} in {place}: {reason[0]}") from error


@contextmanager
def quietly() -> Iterator[None]:
    """Hold back progress bars and warnings of diffusers and transformers inside the block."""
    transformers_logging.disable_progress_bar()
    diffusers_logging.disable_progress_bar()
    verbosity = diffusers_logging.get_verbosity()
    diffusers_logging.set_verbosity_error()
    try:
        yield
    finally:
        diffusers_logging.set_verbosity(verbosity)
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
