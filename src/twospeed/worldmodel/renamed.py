"""Weights that had another name before, or other numbers: what was written then opens as it is.

A memory knows its slow weights by a hash over names and numbers, so the hash goes by old names.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from twospeed.core.tensors import hash_of

WEIGHTS = {
    "trust.": "recall_gate.",
    "recall.undo.": "recall.to_inverse.",
}
"""Beginning of an old name -> beginning of the name now."""

HEIRS = {
    "5470b9e55d575cf6": "4f77b96073442dd8",  # rooms-64, until it learned against a critic
    "b78b8e8fcf0d9ba7": "4f77b96073442dd8",  # rooms-64, until it learned on by Muon
    "00593bc1e2399a2e": "4f77b96073442dd8",  # rooms-64, until the critic saw walks of six chunks
    "d49821289cb12d4b": "0927eb264286015e",  # doom-64, until its second slow learning
    "e4c3962afc2045fb": "0927eb264286015e",  # doom-64, until its third
    "232c3470b4712235": "0927eb264286015e",  # doom-64, until its fourth
}
"""Hash of a packaged denoiser -> of the one that took its place. Between them autoencoder, texts,
renderer and recall layer are the same, and all keys to four digits."""


def rename_weights_(state: dict[str, Any], prefix: str = "") -> None:
    """Give what a denoiser's state holds under old names its names of now, in place.

    Args:
        state: name -> tensor.
        prefix: what stands before all names of the denoiser.
    """
    for old, new in WEIGHTS.items():
        begin = prefix + old
        for name in [name for name in state if name.startswith(begin)]:
            state[prefix + new + name.removeprefix(begin)] = state.pop(name)


def rename_loading_(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:  # noqa: ARG001
    """Do so as a hook of `register_load_state_dict_pre_hook`."""
    rename_weights_(state, prefix)


def first_name(name: str) -> str:
    """Return the name that a weight had first."""
    for old, new in WEIGHTS.items():
        if name.startswith(new):
            return old + name.removeprefix(new)
    return name


def are_of_one_line(first: str, second: str) -> bool:
    """Say whether hashes are the same, or those of a model and its heir."""
    return HEIRS.get(first, first) == HEIRS.get(second, second)


def weights_hash(state: Mapping[str, Tensor]) -> str:
    """Return a hash of a network's state: its names and its numbers in half precision."""
    return hash_of({first_name(name): it for name, it in state.items()})
