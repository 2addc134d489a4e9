"""Three complete networks: the paper's diagram, its author's code, and our recommendation."""

from collections.abc import Callable
from dataclasses import replace

from twospeed.core.errors import lookup
from twospeed.terminator.block_config import PAPER_BRANCHES, BlockConfig
from twospeed.terminator.network import TerminatorConfig

PUBLISHED = BlockConfig(
    operator="matmul",
    omega0=2000.0,
    scaling="grid",
    statistics="batch",
    local_context="batch",
    learned_renormalization=False,
    stop_gradient=True,
    gate="sigmoid",
    hci_order="before",
    idle_biases=True,
)
"""The choices that paper and author's code share, with the author's ten branches."""


def default() -> TerminatorConfig:
    """What we recommend, at the CIFAR-10 size: evaluated, samples are independent."""
    return TerminatorConfig()


def author() -> TerminatorConfig:
    """The author's code of July 2024 at the CIFAR-10 size: 1,336,855 parameters."""
    return TerminatorConfig(block=PUBLISHED)


def paper() -> TerminatorConfig:
    """The paper's diagram: nine branches, no earlier outputs, published choices otherwise."""
    nothing = ((0, 0),) * 5
    return TerminatorConfig(earlier=nothing, block=replace(PUBLISHED, branches=PAPER_BRANCHES))


PRESETS: dict[str, Callable[[], TerminatorConfig]] = {
    preset.__name__: preset for preset in (default, author, paper)
}


def preset_of(name: str) -> TerminatorConfig:
    """Return the preset called `name`.

    Raises:
        UnknownNameError: for another name.
    """
    return lookup(PRESETS, name, "Terminator preset")()
