"""Models by their hub id, such as Wan-AI/Wan2.1-T2V-1.3B-Diffusers: found, or fetched.

Only what is loaded is fetched: configurations, tokenizers, and weights as safetensors of the wanted
variant; no code and no pickles.
"""

import re
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from twospeed.core.errors import DataError
from twospeed.worldmodel.loading import quietly

_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_PARTS = (
    "transformer",
    "transformer_2",
    "unet",
    "vae",
    "text_encoder",
    "tokenizer",
    "image_encoder",
    "image_processor",
    "scheduler",
    "memory_module",
)


def is_hub_id(name: str) -> bool:
    """Say whether a name has the form OWNER/MODEL."""
    return _ID.fullmatch(name) is not None and ".." not in name


def fetch_model(name: str, *, revision: str | None = None, variant: str | None = None) -> Path:
    """Return the folder of a model of the hub, fetched if it is not there yet.

    Args:
        name: OWNER/MODEL.
        revision: branch, tag or commit; None is the newest.
        variant: of the weights, such as "fp16".

    Raises:
        DataError: when there is no such model or revision, it is gated, or the hub is out of
            reach.
    """
    try:
        with quietly():
            return Path(snapshot_download(name, revision=revision, allow_patterns=_wanted(variant)))
    except GatedRepoError as error:
        raise DataError(
            f"the model {name!r} is gated: accept its terms on its page and log in, or name a"
            " folder"
        ) from error
    except RevisionNotFoundError as error:
        raise DataError(f"the model {name!r} has no revision {revision!r}") from error
    except RepositoryNotFoundError as error:
        raise DataError(
            f"no folder and no model of the hub is called {name!r}, or it is private"
        ) from error
    except Exception as error:  # offline, refused, or whatever a torn connection raises
        raise DataError(
            f"no folder is called {name!r}, and the hub cannot be reached to look for a model of"
            " that name: name a folder, or fetch the model on a machine that is connected"
        ) from error


def _wanted(variant: str | None) -> list[str]:
    ending = f"*.{variant}*.safetensors" if variant else "*.safetensors"
    files = ("*.json", "*.txt", "*.model")
    weights = [f"{part}/{ending}" for part in _PARTS]
    return ["model_index.json", *weights, *(f"{part}/{file}" for part in _PARTS for file in files)]
