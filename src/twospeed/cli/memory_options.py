"""Options on memories that several commands have, each in the same words.

Apart from options.py, since this imports torch.
"""

from typing import Annotated, TypeAlias

import typer

from twospeed.memory.presets import PRESETS

PRESET = f"How memories are written: {', '.join(PRESETS)}."

Preset: TypeAlias = Annotated[str, typer.Option("--preset", help=PRESET)]
PresetOrMemory: TypeAlias = Annotated[str, typer.Option("--preset", "--memory", help=PRESET)]
"""`--memory` is what it was called before."""
