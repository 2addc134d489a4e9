"""Action text -> token features, by any text encoder of `transformers`.

Holds: `TextEncoder`, `build_text_encoder`. Our own small encoder reads bytes (T5 on ByT5's
alphabet: no vocabulary file) and gives the mean of its outputs as one token; those of other makers'
pipelines (CLIP, T5, UMT5) give all of their tokens, as the pipeline's rule says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor
from transformers import (
    ByT5Tokenizer,
    CLIPTextModel,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
    UMT5EncoderModel,
)

from twospeed.core.arguments import as_texts
from twospeed.core.errors import ConfigError, DataError, lookup
from twospeed.core.fields import check_fields
from twospeed.core.files import StrPath, as_path, read_json
from twospeed.core.folders import check_folder
from twospeed.core.ranges import Width, Within
from twospeed.worldmodel.backbones.texts import TextRule
from twospeed.worldmodel.catalogue import TEXT_ENCODER, TOKENIZER
from twospeed.worldmodel.loading import load_local, load_network, quietly, working

ENCODERS: dict[str, Any] = {"CLIPTextModel": CLIPTextModel, "UMT5EncoderModel": UMT5EncoderModel}
"""Architecture in ``config.json`` -> class; any other is read as T5."""

TOKENIZERS: dict[str, Any] = {
    "ByT5Tokenizer": ByT5Tokenizer,
    "CLIPTokenizer": CLIPTokenizer,
    "CLIPTokenizerFast": CLIPTokenizer,
    "T5Tokenizer": T5Tokenizer,
    "T5TokenizerFast": T5Tokenizer,
}
"""Class in ``tokenizer_config.json`` -> class; no other is opened."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextEncoderConfig:
    """Size of our own text encoder."""

    width: Width = 64
    """Features of a token."""

    layers: Annotated[int, Within(1, 100)] = 2
    """Transformer layers."""

    heads: Annotated[int, Within(1, 1024)] = 4
    """Attention heads."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.width % self.heads:
            raise ConfigError(f"width must be a multiple of heads={self.heads}, got {self.width}")


class TextEncoder:
    """A tokenizer and a frozen encoder; remembers the texts it has seen.

    Args:
        tokenizer: from `transformers`.
        model: `T5EncoderModel` (mean of tokens) or `CLIPTextModel` (all tokens).
        rule: of a pipeline of another maker; None is ours.

    Attributes:
        works_on: where the model goes while it encodes; None leaves it where it is.
    """

    def __init__(self, tokenizer: Any, model: Any, rule: TextRule | None = None) -> None:
        self.tokenizer = tokenizer
        self.model = model
        self.rule = rule
        self.works_on: torch.device | None = None
        self._known: dict[str, Tensor] = {}

    @property
    def width(self) -> int:
        """Features of a token."""
        return int(self.model.config.hidden_size)

    @property
    def is_ours(self) -> bool:
        """Whether it is the small encoder that we train, and none of another maker."""
        return self.rule is None and not isinstance(self.model, CLIPTextModel)

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """Encode texts to features (B, N, D) on the CPU; "" stands for no text.

        A text gives the same numbers whatever stands beside it in the batch.

        Raises:
            KindError: when they are no list of texts.
            ShapeError: when there is none.
        """
        texts = as_texts(texts, "texts")
        self.model.eval()
        if news := set(texts) - self._known.keys():
            with working(self.model, self.works_on):
                for text in news:
                    self._known[text] = self.features([text])[0].cpu()
        return torch.stack([self._known[text] for text in texts])

    def features(self, texts: Sequence[str]) -> Tensor:
        """Encode with gradients and without remembering: (B, N, D)."""
        if self.rule is not None:
            return self.rule.features(self.tokenizer, self.model, list(texts))
        if not self.is_ours:
            options = {"padding": "max_length", "max_length": 77, "truncation": True}
        else:
            options = {"padding": True, "max_length": 256, "truncation": True}
        tokens = self.tokenizer(list(texts), return_tensors="pt", **options).to(self.model.device)
        hidden_BND: Tensor = self.model(**tokens).last_hidden_state
        if not self.is_ours:
            return hidden_BND
        weight_BN1 = tokens["attention_mask"][..., None].to(hidden_BND)
        sum_B1D = (hidden_BND * weight_BN1).sum(1, keepdim=True)
        mean_B1D: Tensor = sum_B1D / weight_BN1.sum(1, keepdim=True)
        return mean_B1D

    def save_pretrained(self, folder: StrPath) -> None:
        """Write ``tokenizer/`` and ``text_encoder/``.

        Raises:
            DataError: when anything else stands at one of these places.
        """
        place = as_path(folder)
        check_folder(place / "tokenizer", TOKENIZER)
        check_folder(place / "text_encoder", TEXT_ENCODER)
        with quietly():
            self.tokenizer.save_pretrained(place / "tokenizer")
            self.model.save_pretrained(place / "text_encoder")

    @classmethod
    def from_pretrained(
        cls,
        folder: StrPath,
        *,
        rule: TextRule | None = None,
        dtype: torch.dtype = torch.float32,
        variant: str | None = None,
    ) -> "TextEncoder":
        """Read what `save_pretrained` wrote, or these two folders of a diffusers pipeline.

        Args:
            folder: of the model.
            rule: of the pipeline; None for ours.
            dtype: precision of the weights.
            variant: of the file, such as "fp16".

        Raises:
            DataError: when a folder is missing or damaged.
            UnknownNameError: when the tokenizer is of a class that we do not know.
        """
        place = as_path(folder)
        for part in ("tokenizer", "text_encoder"):
            if not (place / part).is_dir():
                raise DataError(
                    f"{place} has no {part}/, so nothing can be said to it: take a pipeline with"
                    " a text encoder"
                )
        tokenizer = _load_tokenizer(place / "tokenizer")
        said = read_json(place / "text_encoder" / "config.json").get("architectures")
        name = str(said[0]) if isinstance(said, list) and said else ""
        kind = ENCODERS.get(name, T5EncoderModel)
        model = load_network(
            kind, "text encoder", place / "text_encoder", dtype=dtype, variant=variant
        )
        return cls(tokenizer, model, rule)


def _load_tokenizer(place: Path) -> Any:
    """Load a tokenizer of a class that we name, whatever code its folder brings along."""
    name = str(read_json(place / "tokenizer_config.json").get("tokenizer_class"))
    return load_local(lookup(TOKENIZERS, name, "tokenizer"), "tokenizer", place)


def build_text_encoder(config: TextEncoderConfig) -> TextEncoder:
    """Return an untrained encoder of bytes."""
    tokenizer = ByT5Tokenizer()
    shape = T5Config(
        vocab_size=len(tokenizer),
        d_model=config.width,
        d_kv=config.width // config.heads,
        d_ff=2 * config.width,
        num_layers=config.layers,
        num_heads=config.heads,
        dropout_rate=0.0,
        feed_forward_proj="gated-gelu",
    )
    return TextEncoder(tokenizer, T5EncoderModel(shape))
