"""What a fit leaves behind: its folder, and how it ended."""

from dataclasses import dataclass
from pathlib import Path

from twospeed.core.files import read_json
from twospeed.core.folders import FolderKind


def _is_fit(folder: Path) -> bool:
    return {"network", "validation_share"} <= read_json(folder / "config.json").keys()


FIT = FolderKind(
    name="a fit",
    files=(
        "config.json", "data.json", "journal.jsonl", "state.json", "result.json",
        "last.safetensors", "best.safetensors", "curves.png", "confusion.png",
    ),
    sign=_is_fit,
)  # fmt: skip
"""What `fit_examples` and ``twospeed fit`` write."""


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """How a fit ended."""

    accuracy: float
    """Share of all test examples that the chosen model gets right."""

    best_epoch: int
    """Epoch of the chosen model, counted from 1."""

    validation: tuple[float, ...]
    """Accuracy on the held-out examples after each epoch."""

    seconds: tuple[float, ...]
    """Training time up to the end of each epoch, without evaluation."""

    processor_seconds: tuple[float, ...]
    """The same in processor time of all threads."""

    parameters: int
    """Trained numbers."""

    confusion: tuple[tuple[int, ...], ...]
    """Rows: true classes of the test part; columns: what the model says."""
