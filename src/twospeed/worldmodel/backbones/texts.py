"""How a pipeline turns texts into the tokens that its denoiser was trained on."""

import html
import re
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class TextRule:
    """Tokens of a text, as one pipeline of diffusers makes them."""

    length: int
    """Tokens of every text, cut or filled up."""

    is_masked: bool
    """Whether the encoder is told which tokens are filling."""

    is_zeroed: bool
    """Whether the features of filling are zeros."""

    is_cleaned: bool = False
    """Whether HTML signs are resolved and white space is made single."""

    def features(self, tokenizer: Any, model: Any, texts: list[str]) -> Tensor:
        """Encode texts, (B, N, D) on the device of the model."""
        said = [_clean(text) for text in texts] if self.is_cleaned else texts
        length = min(self.length, int(tokenizer.model_max_length))
        options = {"padding": "max_length", "max_length": length, "truncation": True}
        tokens = tokenizer(said, return_tensors="pt", **options).to(model.device)
        mask_BN = tokens["attention_mask"]
        told = {"attention_mask": mask_BN} if self.is_masked else {}
        hidden_BND: Tensor = model(tokens["input_ids"], **told).last_hidden_state
        return hidden_BND * mask_BN[..., None].to(hidden_BND) if self.is_zeroed else hidden_BND


def _clean(text: str) -> str:
    plain = html.unescape(html.unescape(text)).strip()
    return re.sub(r"\s+", " ", plain).strip()
