"""What clips are judged by: measures of frames, and networks that look at them.

A network whose weights are missing is a reason instead, a text; the others judge on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from twospeed.core.errors import DataError
from twospeed.core.video import Frames
from twospeed.evaluation.metrics.cuts import DETECTOR
from twospeed.evaluation.metrics.frames import SSIM_PARAMETERS
from twospeed.evaluation.yardstick import outside
from twospeed.evaluation.yardstick.features import features_of, load_clip_network, network_hash
from twospeed.evaluation.yardstick.network import FRAME_SIZE, ClipNetwork
from twospeed.evaluation.yardstick.outside import Look, Measure
from twospeed.evaluation.yardstick.weights import ALEXNET, I3D, RESNET18, VIDEOMAE, hash_of

T = TypeVar("T")

_WINDOW = 64

RESIZE = {
    "psnr_db, ssim, scene_cuts, lpips": "none",
    "frechet_twospeed, kernel_twospeed, src_twospeed": f"area, to {FRAME_SIZE}x{FRAME_SIZE}",
    "fvd_i3d": "bilinear, shorter side 224, middle square",
    "fvd_videomae": "bilinear, to 224x224; every 16 frames, a rest left out",
    "src": "bilinear, to 224x224",
}
"""How frames are resized for each metric."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judges:
    """What there is to judge by; a text says why something is missing."""

    network: ClipNetwork
    lpips: Measure | str
    resnet18: Look | str
    i3d: Look | str
    videomae: Look | str

    def look(self, frames_THWC: Frames) -> NDArray[np.float64]:
        """Return our network's features of every frame but the first, (T - 1, K)."""
        starts = range(0, len(frames_THWC) - 1, _WINDOW)
        parts = [frames_THWC[start : start + _WINDOW + 1] for start in starts]
        found = [features_of(self.network, part[None])[0].double().numpy() for part in parts]
        return np.concatenate(found)

    def look_at_all(self, frames_THWC: Frames) -> NDArray[np.float64]:
        """Return features of every frame, (T, K); the first has those of the second."""
        seen_SK = self.look(frames_THWC)
        return np.concatenate([seen_SK[:1], seen_SK])


def load_judges(weights: Path | None) -> Judges:
    """Load what there is.

    Args:
        weights: folder of the weights of others; None is torch's own.
    """
    return Judges(
        network=load_clip_network(),
        lpips=_or_reason(outside.load_lpips, weights),
        resnet18=_or_reason(outside.load_resnet18, weights),
        i3d=_or_reason(outside.load_i3d, weights),
        videomae=_or_reason(outside.load_videomae, weights),
    )


def judging_of(weights: Path | None) -> dict[str, Any]:
    """Return what a score depends on besides the clips, as JSON values.

    Args:
        weights: folder of the weights of others; None is torch's own.
    """
    return {
        "resize": RESIZE,
        "scene_cuts": DETECTOR,
        "ssim": SSIM_PARAMETERS,
        "psnr_db": "data range 255, colour; a mean squared error below 1 counts as 1",
        "intervals": "percentile bootstrap over clips, 95 %",
        "features": {
            "twospeed": network_hash(),
            "alexnet": hash_of(weights, ALEXNET),
            "resnet18": hash_of(weights, RESNET18),
            "i3d": hash_of(weights, I3D),
            "videomae": hash_of(weights, VIDEOMAE),
        },
    }


def _or_reason(load: Callable[[Path | None], T], weights: Path | None) -> T | str:
    try:
        return load(weights)
    except DataError as error:
        return str(error)
