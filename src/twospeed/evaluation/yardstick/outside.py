"""Networks of others that papers judge by; each is asked only where its weights are.

Files lie in a folder, by default where torch keeps what it once loaded; none is fetched unasked
(fetching.py). What is missing is a `DataError` that says how to get it; nothing else ever stands
under their names.

    lpips          package lpips (AlexNet), and torchvision's alexnet-owt-7be5be79.pth
    src            torchvision's ResNet-18, resnet18-f37072fd.pth
    fvd_i3d        i3d_torchscript.pt, the TorchScript file of StyleGAN-V
    fvd_videomae   package cd-fvd, which brings its VideoMAE

Axes: T frames, K features.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from twospeed.core.errors import DataError
from twospeed.core.files import sha256_of
from twospeed.core.video import Frames
from twospeed.evaluation.metrics.frames import Numbers

ALEXNET, RESNET18 = "alexnet-owt-7be5be79.pth", "resnet18-f37072fd.pth"
I3D = "i3d_torchscript.pt"

I3D_FRAMES = 10
"""Frames below which I3D has nothing to look at."""

I3D_SIDE = 224

Measure = Callable[[Frames, Frames], Numbers]
"""Frames and their truth -> one number a frame."""

Look = Callable[[Frames], NDArray[np.float64]]
"""A clip (T, H, W, 3) -> features: (T, K) or, of the whole clip, (1, K)."""


def weights_folder(folder: Path | None) -> Path:
    """Return where weights lie: `folder`, or torch's own."""
    return folder or Path(torch.hub.get_dir()) / "checkpoints"


def load_lpips(folder: Path | None) -> Measure:
    """Return LPIPS (AlexNet, version 0.1) of every frame; equal frames have 0.

    Raises:
        DataError: when the package or weights are missing.
    """
    lpips = _package("lpips")
    state = torch.load(_file(folder, ALEXNET), weights_only=True)
    network: Any = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
    backbone = {key: it for key, it in state.items() if key.startswith("features.")}
    names = [name for name in network.net.state_dict() if name.endswith(("weight", "bias"))]
    named = dict(zip(names, backbone.values(), strict=True))
    network.net.load_state_dict(named, strict=False)

    @torch.no_grad()
    def measure(frames_THWC: Frames, truth_THWC: Frames) -> Numbers:
        one, other = (2 * _pixels(it) - 1 for it in (frames_THWC, truth_THWC))
        return np.array(network(one, other).flatten().double().numpy())

    return measure


def load_resnet18(folder: Path | None) -> Look:
    """Return the 512 features of ResNet-18 before its last layer, of every frame.

    Raises:
        DataError: when the package or weights are missing.
    """
    torchvision = _package("torchvision")
    network: Any = torchvision.models.resnet18()
    network.load_state_dict(torch.load(_file(folder, RESNET18), weights_only=True))
    network.fc = torch.nn.Identity()
    network.eval()
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    spread = torch.tensor([0.229, 0.224, 0.225])[:, None, None]

    @torch.no_grad()
    def look(frames_THWC: Frames) -> NDArray[np.float64]:
        pixels = functional.interpolate(_pixels(frames_THWC), size=(224, 224), mode="bilinear")
        return np.array(network((pixels - mean) / spread).double().numpy())

    return look


def load_i3d(folder: Path | None) -> Look:
    """Return the 400 features of I3D before its softmax, of a clip of 10 frames or more.

    Frames are resized so that the shorter side has 224 pixels (bilinear), and the middle is taken.

    Raises:
        DataError: when the file is missing.
    """
    network: Any = torch.jit.load(str(_file(folder, I3D))).eval()

    @torch.no_grad()
    def look(frames_THWC: Frames) -> NDArray[np.float64]:
        if len(frames_THWC) < I3D_FRAMES:
            raise DataError(f"I3D needs clips of {I3D_FRAMES} frames, got {len(frames_THWC)}")
        clip = 2 * _middle(_pixels(frames_THWC)) - 1
        found = network(clip.transpose(0, 1)[None], False, False, True)
        return np.array(found.double().numpy()).reshape(1, -1)

    return look


def load_videomae(folder: Path | None) -> Look:  # noqa: ARG001
    """Return the VideoMAE features of cd-fvd, of a clip.

    Raises:
        DataError: when the package is missing, or its weights cannot be had.
    """
    cdfvd = _package("cdfvd", pip="cd-fvd")
    try:
        network: Any = cdfvd.cdfvd("videomae", ckpt_path=None)
    except OSError as error:
        raise DataError(f"weights missing: cd-fvd could not load its VideoMAE ({error})") from error

    def look(frames_THWC: Frames) -> NDArray[np.float64]:
        found = network.feature_fn(frames_THWC[None])
        return np.asarray(found, np.float64).reshape(1, -1)

    return look


def hash_of(folder: Path | None, name: str) -> str | None:
    """Return a hash of a file of weights; None where it is not there."""
    path = weights_folder(folder) / name
    return sha256_of(path)[:16] if path.is_file() else None


def _package(name: str, *, pip: str = "") -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DataError(f"package missing, get it by: pip install {pip or name}") from error


def _file(folder: Path | None, name: str) -> Path:
    path = weights_folder(folder) / name
    if not path.is_file():
        raise DataError(f"weights missing, put {name} into {path.parent} or name its folder")
    return path


def _pixels(frames_THWC: Frames) -> Tensor:
    """Return float (T, 3, H, W), 0 to 1."""
    return torch.from_numpy(np.ascontiguousarray(frames_THWC)).permute(0, 3, 1, 2).float() / 255


def _middle(pixels_TCHW: Tensor) -> Tensor:
    height, width = pixels_TCHW.shape[-2:]
    scale = I3D_SIDE / min(height, width)
    size = (max(round(scale * height), I3D_SIDE), max(round(scale * width), I3D_SIDE))
    resized = functional.interpolate(pixels_TCHW, size=size, mode="bilinear")
    top, left = ((side - I3D_SIDE) // 2 for side in size)
    return resized[..., top : top + I3D_SIDE, left : left + I3D_SIDE]
