"""Where the weights of others lie, and the packages that read them.

Files lie in a folder, by default where torch keeps what it once loaded; none is fetched unasked
(fetching.py). What is missing is a `DataError` that says how to get it.
"""

import importlib
from pathlib import Path
from typing import Any

import torch

from twospeed.core.errors import DataError
from twospeed.core.files import sha256_of

ALEXNET, RESNET18 = "alexnet-owt-7be5be79.pth", "resnet18-f37072fd.pth"
I3D, VIDEOMAE = "i3d_torchscript.pt", "vit_g_hybrid_pt_1200e_ssv2_ft.pth"


def weights_folder(folder: Path | None) -> Path:
    """Return where weights lie: `folder`, or torch's own."""
    return folder or Path(torch.hub.get_dir()) / "checkpoints"


def hash_of(folder: Path | None, name: str) -> str | None:
    """Return a hash of a file of weights; None where it is not there."""
    path = weights_folder(folder) / name
    return sha256_of(path)[:16] if path.is_file() else None


def package_of(name: str, *, pip: str = "") -> Any:
    """Import a package of others.

    Args:
        name: of the module.
        pip: of what brings it, where that is another.

    Raises:
        DataError: when it is missing, or does not load here.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DataError(f"package missing, get it by: pip install {pip or name}") from error
    except RuntimeError as error:  # torchvision of another build than torch
        reason = str(error).splitlines()[0]
        raise DataError(f"package {pip or name} does not load here: {reason}") from error


def file_of(folder: Path | None, name: str) -> Path:
    """Return a file of weights.

    Raises:
        DataError: when it is missing.
    """
    path = weights_folder(folder) / name
    if not path.is_file():
        raise DataError(f"weights missing, put {name} into {path.parent} or name its folder")
    return path
