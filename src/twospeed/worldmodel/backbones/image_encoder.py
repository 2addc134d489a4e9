"""The encoder of pictures that an image-to-video pipeline brings along: CLIP's, as Wan 2.1 asks it.

Axes: B pictures, N tokens, D features.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import CLIPVisionModel

from twospeed.worldmodel.loading import load_local, load_network, quietly

PART, PROCESSOR = "image_encoder", "image_processor"
"""Folders of a pipeline."""


class ImageEncoder:
    """A frozen encoder, and what makes pictures ready for it.

    Args:
        processor: sizes and evens pictures.
        model: `CLIPVisionModel`.
    """

    def __init__(self, processor: Any, model: Any) -> None:
        self.processor, self.model = processor, model

    @torch.no_grad()
    def encode(self, frames_BHWC: NDArray[np.uint8]) -> Tensor:
        """Return the features of uint8 pictures before the last layer, (B, N, D)."""
        pixels = self.processor(images=list(frames_BHWC), return_tensors="pt")["pixel_values"]
        ready = pixels.to(self.model.device, self.model.dtype)
        hidden: Tensor = self.model(ready, output_hidden_states=True).hidden_states[-2]
        return hidden

    def save_processor(self, folder: Path) -> None:
        """Write ``image_processor/``."""
        with quietly():
            self.processor.save_pretrained(folder / PROCESSOR)


def load_image_encoder(
    folder: Path, index: Mapping[str, Any], *, variant: str | None = None
) -> ImageEncoder | None:
    """Load ``image_encoder/`` and ``image_processor/`` of a pipeline; None where it has none.

    Args:
        folder: of the pipeline.
        index: what its ``model_index.json`` says.
        variant: of the file, such as "fp16".

    Raises:
        DataError: when a folder is missing or damaged.
    """
    if (index.get(PART) or [None])[0] is None:
        return None
    with quietly():
        from transformers import CLIPImageProcessor  # it speaks when imported
    processor = load_local(CLIPImageProcessor, "image processor", folder / PROCESSOR)
    model = load_network(CLIPVisionModel, "image encoder", folder / PART, variant=variant)
    return ImageEncoder(processor, model)


def processor_class() -> Any:
    """Return CLIP's class of processors, which says on import whether torchvision is there."""
    with quietly():
        from transformers import CLIPImageProcessor
    return CLIPImageProcessor
