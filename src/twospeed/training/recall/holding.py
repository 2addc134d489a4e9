"""What does not learn on, so that memories written before stay what they are."""

from twospeed.worldmodel.contract import Denoiser, as_module, recall_denoiser

_OF_MEMORY = ("recall", "text_in")
"""How names of weights begin that a recall layer's keys hang on, or what is made of its values."""


def hold_recall_(denoiser: Denoiser) -> None:
    """Let all weights learn but those that recall hangs on, in place."""
    held = _OF_MEMORY if recall_denoiser(denoiser) else ()
    for name, parameter in as_module(denoiser).named_parameters():
        parameter.requires_grad_(not name.startswith(held))
