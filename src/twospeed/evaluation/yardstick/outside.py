"""Networks of others that papers judge by; each is asked only where its weights are.

Nothing else ever stands under their names. Holds not: where their weights lie (weights.py).

    lpips          package lpips (AlexNet), and torchvision's alexnet-owt-7be5be79.pth
    src            torchvision's ResNet-18, resnet18-f37072fd.pth
    fvd_i3d        i3d_torchscript.pt, the TorchScript file of StyleGAN-V
    fvd_videomae   package cd-fvd, and its vit_g_hybrid_pt_1200e_ssv2_ft.pth of VideoMAE

Axes: T frames, K features.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from twospeed.core.errors import DataError
from twospeed.core.video import Frames
from twospeed.evaluation.metrics.frames import Numbers
from twospeed.evaluation.yardstick.weights import (
    ALEXNET,
    I3D,
    RESNET18,
    VIDEOMAE,
    file_of,
    package_of,
)

I3D_FRAMES = 10
"""Frames below which I3D has nothing to look at."""

I3D_SIDE = 224

VIDEOMAE_FRAMES = 16
"""Frames that VideoMAE looks at, no more and no fewer."""

_AT_ONCE = 16

Measure = Callable[[Frames, Frames], Numbers]
"""Frames and their truth -> one number a frame."""

Look = Callable[[Frames], NDArray[np.float64]]
"""A clip (T, H, W, 3) -> features: (T, K), or (1, K) of all of it, or one row a part."""


def load_lpips(folder: Path | None) -> Measure:
    """Return LPIPS (AlexNet, version 0.1) of every frame; equal frames have 0.

    Raises:
        DataError: when the package or weights are missing.
    """
    lpips = package_of("lpips")
    state = torch.load(file_of(folder, ALEXNET), weights_only=True)
    network: Any = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
    backbone = {key: it for key, it in state.items() if key.startswith("features.")}
    names = [name for name in network.net.state_dict() if name.endswith(("weight", "bias"))]
    named = dict(zip(names, backbone.values(), strict=True))
    network.net.load_state_dict(named, strict=False)

    @torch.no_grad()
    def measure(frames_THWC: Frames, truth_THWC: Frames) -> Numbers:
        pairs = zip(_parts(frames_THWC, _AT_ONCE), _parts(truth_THWC, _AT_ONCE), strict=True)
        found = [network(2 * _pixels(one) - 1, 2 * _pixels(other) - 1) for one, other in pairs]
        return np.array(torch.cat(found).flatten().double().numpy())

    return measure


def load_resnet18(folder: Path | None) -> Look:
    """Return the 512 features of ResNet-18 before its last layer, of every frame.

    Raises:
        DataError: when the package or weights are missing.
    """
    torchvision = package_of("torchvision")
    network: Any = torchvision.models.resnet18()
    network.load_state_dict(torch.load(file_of(folder, RESNET18), weights_only=True))
    network.fc = torch.nn.Identity()
    network.eval()
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    spread = torch.tensor([0.229, 0.224, 0.225])[:, None, None]

    @torch.no_grad()
    def look(frames_THWC: Frames) -> NDArray[np.float64]:
        parts = map(_pixels, _parts(frames_THWC, _AT_ONCE))
        seen = (functional.interpolate(it, size=(224, 224), mode="bilinear") for it in parts)
        found = [network((it - mean) / spread) for it in seen]
        return np.array(torch.cat(found).double().numpy())

    return look


def load_i3d(folder: Path | None) -> Look:
    """Return the 400 features of I3D before its softmax, of a clip of 10 frames or more.

    Frames are resized so that the shorter side has 224 pixels (bilinear), and the middle is taken.

    Raises:
        DataError: when the file is missing.
    """
    network: Any = torch.jit.load(str(file_of(folder, I3D))).eval()

    @torch.no_grad()
    def look(frames_THWC: Frames) -> NDArray[np.float64]:
        if len(frames_THWC) < I3D_FRAMES:
            raise DataError(f"I3D needs clips of {I3D_FRAMES} frames, got {len(frames_THWC)}")
        clip = 2 * _middle(_pixels(frames_THWC)) - 1
        found = network(clip.transpose(0, 1)[None], False, False, True)
        return np.array(found.double().numpy()).reshape(1, -1)

    return look


def load_videomae(folder: Path | None) -> Look:
    """Return the VideoMAE features of cd-fvd, of every 16 frames of a clip; a rest is left out.

    Raises:
        DataError: when the package or weights are missing.
    """
    videomae = package_of("cdfvd.third_party.VideoMAEv2.utils", pip="cd-fvd")
    weights = str(file_of(folder, VIDEOMAE))  # the package would fetch what is not there
    network: Any = videomae.load_videomae_model(torch.device("cpu"), weights).eval()

    @torch.no_grad()
    def look(frames_THWC: Frames) -> NDArray[np.float64]:
        if len(frames_THWC) < VIDEOMAE_FRAMES:
            raise DataError(
                f"VideoMAE needs clips of {VIDEOMAE_FRAMES} frames, got {len(frames_THWC)}"
            )
        parts = [it for it in _parts(frames_THWC, VIDEOMAE_FRAMES) if len(it) == VIDEOMAE_FRAMES]
        seen = [network.forward_features(videomae.preprocess_videomae(it[None])) for it in parts]
        return np.array(torch.cat(seen).double().numpy())

    return look


def _parts(frames_THWC: Frames, length: int) -> list[Frames]:
    return [frames_THWC[start : start + length] for start in range(0, len(frames_THWC), length)]


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
