"""``twospeed train`` without a recipe: a model that is there learns from recorded episodes."""

from pathlib import Path

from twospeed.cli.saying import tell
from twospeed.core.config import override
from twospeed.core.errors import ConfigError
from twospeed.training.finetune.config import FinetuneConfig, MemoryModuleConfig
from twospeed.training.finetune.memory_module import train_memory_module
from twospeed.training.finetune.pipeline import finetune


def fine_tune(
    out: Path,
    data: str | None,
    init: str | None,
    *,
    lora: int | None,
    checkpointing: bool,
    accumulate: int | None,
    dtype: str,
    settings: list[str] | None,
    minutes: float | None,
    device: str | None,
) -> None:
    """Fine-tune as the options of `train` say, and print what came of it.

    Raises:
        ConfigError: when no model or no data are named.
    """
    init, data = _named(init, data)
    asked = [f"lora={lora or 0}", f"dtype={dtype}", f"loop.accumulate={accumulate or 1}"]
    asked += ["checkpointing=true"] if checkpointing else []
    config = override(FinetuneConfig(), *asked, *(settings or []))
    done = finetune(config, init, data, out, minutes=minutes, device=device)
    tell(f"fine-tuned {done.steps} steps, held-out loss {done.loss:.4f}; model in {done.folder}")


def learn_module(
    out: Path,
    data: str | None,
    init: str | None,
    *,
    dtype: str,
    settings: list[str] | None,
    minutes: float | None,
    device: str | None,
) -> None:
    """Train a memory module as the options of `train` say, and print what came of it.

    Raises:
        ConfigError: when no model or no data are named.
    """
    init, data = _named(init, data)
    config = override(MemoryModuleConfig(), f"dtype={dtype}", *(settings or []))
    done = train_memory_module(config, init, data, out, minutes=minutes, device=device)
    begin, whole = done.retrieval_range
    tell(
        f"trained {done.steps} steps; squared error of later chunks of held-out episodes"
        f" {done.error_with_memory:.4f} with their memory, {done.error_without:.4f} without; the"
        f" gate opens from familiarity {begin:.2f} to {whole:.2f}; model in {done.folder}"
    )


def _named(init: str | None, data: str | None) -> tuple[str, str]:
    if init is None or data is None:
        raise ConfigError(
            "without a recipe a model is fine-tuned: name it with --init and its data with --data"
        )
    return init, data
