"""Where model folders are, and what they say of themselves, without loading them."""

from dataclasses import dataclass
from pathlib import Path

from twospeed.core.errors import UnknownNameError

PACKAGED = Path(__file__).parents[1] / "packaged"
"""Models that come with the package, one folder each."""

INDEX = "model_index.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """A model folder at a glance."""

    name: str
    """Name that commands take."""

    megabytes: float
    """Size of all its files, in millions of bytes."""

    summary: str
    """First sentence of its card; empty without a card."""


def packaged_models(folder: Path = PACKAGED) -> list[str]:
    """Return the names of the models that come with the package."""
    return sorted(path.parent.name for path in folder.glob(f"*/{INDEX}"))


def find_model(name_or_path: str | Path) -> Path:
    """Return the folder of a packaged model or of a path.

    Raises:
        UnknownNameError: when it is neither.
    """
    for folder in (Path(name_or_path), PACKAGED / str(name_or_path)):
        if (folder / INDEX).exists():
            return folder
    known = ", ".join(packaged_models()) or "none"
    raise UnknownNameError(
        f"no model is called {str(name_or_path)!r} and no folder of that name holds {INDEX}."
        f" Packaged: {known}."
    )


def describe_packaged(folder: Path = PACKAGED) -> list[Description]:
    """Describe every packaged model, by name."""
    return [describe(folder / name) for name in packaged_models(folder)]


def describe(folder: Path) -> Description:
    """Describe one model folder."""
    num_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8") if card.exists() else ""
    return Description(name=folder.name, megabytes=num_bytes / 1e6, summary=_first_sentence(text))


def _first_sentence(card: str) -> str:
    body = card.split("---\n", 2)[-1] if card.startswith("---\n") else card
    lines = [line for line in body.splitlines() if not line.startswith("#")]
    paragraph = "\n".join(lines).strip().partition("\n\n")[0]
    return " ".join(paragraph.split()).partition(". ")[0].rstrip(".")
