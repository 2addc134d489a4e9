"""A recurrent state: a matrix beside the recall layer, written by the gated delta rule.

Per chunk, with its key k (of length 1) and what the recall layer should give for it, v:
S = a S + b (v - a S k) kᵀ. A forward pass; nothing is solved and nothing else is kept. What the
layer gives is its own plus S k. It reads the same keys as ours, so that the way of writing alone
differs. Axes as in base.py; K features of a key, O what the layer gives.
"""

import dataclasses

import torch
from torch import Tensor

from twospeed.core.errors import ConfigError
from twospeed.evaluation.matrix.base import Shown, bytes_of, next_chunk
from twospeed.worldmodel.asking.questions import Question, SlowReading
from twospeed.worldmodel.contract import Recaller
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.reading import Reading
from twospeed.worldmodel.recall import recalled_target

KEEP, STRENGTH = 0.99, 1.0
"""a and b."""


class DeltaRule:
    """The state, and what reads it.

    Raises:
        ConfigError: when the backbone has no recall layer.
    """

    def __init__(self, model: WorldModel) -> None:
        if model.recaller is None:
            raise ConfigError("the delta rule needs a backbone with a recall layer")
        self.model = model
        self.recaller: Recaller = model.recaller
        self.state_OK = torch.zeros_like(self.recaller.recall.layer.weight)

    @torch.no_grad()
    def learn(self, shown: Shown) -> None:
        """Write one chunk."""
        text = self.model.text_encoder.encode([shown.action]).to(shown.past)
        key_K = self.recaller.keys_of(shown.past[None], text)[0]
        wanted_O = recalled_target(shown.new[None])[0] - self.recaller.recall.layer(key_K)
        kept_OK = KEEP * self.state_OK
        self.state_OK = kept_OK + STRENGTH * torch.outer(wanted_O - kept_OK @ key_K, key_K)

    def follow(self, shown: Shown) -> None:
        """Keep nothing."""

    def generate(self, past_CPHW: Tensor, action: str, seed: int) -> Tensor:
        """Generate with what the state adds."""
        return next_chunk(self.model, past_CPHW, action, seed, self)

    def read(self, slow: Reading) -> "_Read":
        """Return the reading with the state's part; see `FastReader`."""
        if slow.key_BK is None or slow.recalled_BO is None:
            raise AssertionError("a backbone with a recall layer has keys")
        recalled = slow.recalled_BO + slow.key_BK @ self.state_OK.mT
        return _Read(slow, dataclasses.replace(slow, recalled_BO=recalled))

    def num_bytes(self) -> int:
        """Return the bytes of the state."""
        return bytes_of(self.state_OK)


class _Read(SlowReading):
    """A `FastReading`."""

    def __init__(self, slow: Reading, fast: Reading) -> None:
        super().__init__(slow)
        self.asked = (Question.of(fast),)
        self.familiarity_B = fast.score_B.clamp(0, 1)
