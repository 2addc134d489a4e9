"""Where model folders are, and what they say of themselves, without loading them."""

from dataclasses import dataclass, replace
from pathlib import Path

from twospeed.core.errors import UnknownNameError
from twospeed.core.files import read_json
from twospeed.core.folders import FolderKind
from twospeed.core.untrusted import check_ordinary

PACKAGED = Path(__file__).parents[1] / "packaged"
"""Models that come with the package, one folder each."""

INDEX = "model_index.json"
CLASS_NAME = "TwospeedWorldModel"
SETTINGS = "twospeed.json"
"""Settings beside the ``model_index.json`` of another maker's pipeline."""


TOKENIZER = FolderKind(
    name="a tokenizer",
    files=(
        "added_tokens.json", "merges.txt", "special_tokens_map.json", "spiece.model",
        "tokenizer.json", "tokenizer_config.json", "vocab.json",
    ),
    sign=lambda folder: "tokenizer_class" in read_json(folder / "tokenizer_config.json"),
)  # fmt: skip
TEXT_ENCODER = FolderKind(
    name="a text encoder",
    files=(
        "config.json", "generation_config.json", "model*.safetensors", "*.safetensors.index.json",
    ),
    sign=lambda folder: "architectures" in read_json(folder / "config.json"),
)  # fmt: skip
SCHEDULER = FolderKind(
    name="a noise schedule",
    files=("scheduler_config.json",),
    sign=lambda folder: "_class_name" in read_json(folder / "scheduler_config.json"),
)
NETWORK = FolderKind(
    name="a network",
    files=("config.json", "diffusion_pytorch_model*.safetensors", "*.safetensors.index.json"),
    sign=lambda folder: "_class_name" in read_json(folder / "config.json"),
)
"""A denoiser, an autoencoder or a renderer."""

IMAGE_PROCESSOR = FolderKind(
    name="an image processor",
    files=("preprocessor_config.json",),
    sign=lambda folder: "image_processor_type" in read_json(folder / "preprocessor_config.json"),
)

_PARTS = {
    "denoiser": NETWORK,
    "transformer": NETWORK,
    "unet": NETWORK,
    "vae": NETWORK,
    "renderer": NETWORK,
    "memory_module": NETWORK,
    "transformer_2": NETWORK,
    "text_encoder": TEXT_ENCODER,
    "image_encoder": replace(TEXT_ENCODER, name="an encoder of pictures"),
    "image_processor": IMAGE_PROCESSOR,
    "tokenizer": TOKENIZER,
    "scheduler": SCHEDULER,
}

MODEL = FolderKind(
    name="a world model",
    files=(
        INDEX,
        SETTINGS,
        "README.md",
        "vocabulary.json",
        *(f"{part}/{file}" for part, kind in _PARTS.items() for file in kind.files),
    ),
    sign=lambda folder: (
        read_json(folder / INDEX).get("_class_name") == CLASS_NAME or (folder / SETTINGS).exists()
    ),
)
"""What `WorldModel.save_pretrained` writes."""


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


def packaged_by_world(folder: Path = PACKAGED) -> dict[str, str]:
    """Return world -> the name of the model that comes with the package for it."""
    indexes = {name: read_json(folder / name / INDEX) for name in packaged_models(folder)}
    return {index["settings"]["world"]: name for name, index in indexes.items()}


def find_model(name_or_path: str | Path) -> Path | None:
    """Return the folder of a packaged model or of a path; None when it is neither.

    Raises:
        DataError: when something in the folder is no ordinary file.
    """
    for folder in (Path(name_or_path), PACKAGED / str(name_or_path)):
        if (folder / INDEX).exists():
            check_ordinary(folder)
            return folder
    return None


def no_model(name_or_path: str | Path) -> UnknownNameError:
    """Return the error that says which models there are."""
    known = ", ".join(packaged_models()) or "none"
    return UnknownNameError(
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
