"""Where a number comes from: model, code, settings, hardware."""

import hashlib
import importlib.metadata
import platform
from pathlib import Path
from typing import Any

import torch

from twospeed.core.config import to_json
from twospeed.worldmodel.model import WorldModel

SOURCE = Path(__file__).parents[2]


def provenance_of(model: WorldModel) -> dict[str, Any]:
    """Return what a number depends on besides the settings of its protocol."""
    settings = to_json(model.settings)
    return {"model": {"hash": model.hash(), "settings": settings}} | origin_of(model.device)


def origin_of(device: torch.device | str = "cpu") -> dict[str, Any]:
    """Return the code, machine and versions that a number depends on."""
    return {
        "code": {"version": importlib.metadata.version("twospeed"), "source_hash": source_hash()},
        "hardware": {
            "processor": processor(),
            "threads": torch.get_num_threads(),
            "device": str(device),
        },
        "versions": {
            name: importlib.metadata.version(name)
            for name in ("torch", "numpy", "diffusers", "scikit-image")
        },
    }


def source_hash() -> str:
    """Return a hash over all source files of the package, so that changed code shows."""
    digest = hashlib.sha256()
    for path in sorted(SOURCE.rglob("*.py")):
        digest.update(str(path.relative_to(SOURCE)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def processor() -> str:
    """Return the processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
