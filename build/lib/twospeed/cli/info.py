"""``twospeed info``: versions and devices, for bug reports."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import torch
import typer

PACKAGES = [
    "twospeed",
    "torch",
    "diffusers",
    "transformers",
    "accelerate",
    "peft",
    "safetensors",
    "numpy",
    "av",
    "gymnasium",
    "vizdoom",
]


def info() -> None:
    """Print versions and devices."""
    typer.echo(f"python {platform.python_version()} on {platform.platform()}")
    for name in PACKAGES:
        typer.echo(f"{name} {_version(name)}")
    typer.echo(f"CPU: {os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads")
    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    typer.echo(f"GPU: {', '.join(devices) or 'none'}")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "is not installed"
