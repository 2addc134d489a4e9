"""Numbers on the command line: finite, none below 0, and 0 only where it means something.

Every command's options pass here before it runs; finer ranges stand beside what they configure.
"""

import math
from typing import Any

from twospeed.core.errors import ConfigError

ZERO_IS_FINE = frozenset(
    {"accumulate", "benchmark", "drift", "first_seed", "last", "lora", "port", "seed", "share",
     "steps", "tolerance", "unseen", "workers", "worst"}
)  # fmt: skip
"""Options for which 0 is none, all, a number like others, or refused with more words."""


def check_numbers_(command: Any) -> None:
    """Let a command, or every command of a group, refuse numbers that no option takes."""
    for one in getattr(command, "commands", {}).values():
        check_numbers_(one)
    for option in command.params:
        if option.callback is None:  # those that have one are places on disk
            option.callback = _checked


def _checked(_: Any, option: Any, value: Any) -> Any:
    for number in value if isinstance(value, list | tuple) else (value,):
        if isinstance(number, int | float) and not isinstance(number, bool):
            _check(number, option)
    return value


def _check(number: float, option: Any) -> None:
    name = option.opts[0]
    if not math.isfinite(number):
        raise ConfigError(f"{name} takes a number, got {number}")
    if number < 0 or (number == 0 and option.name not in ZERO_IS_FINE):
        above = "1 or more" if isinstance(number, int) else "above 0"
        least = "0 or more" if option.name in ZERO_IS_FINE else above
        raise ConfigError(f"{name} must be {least}, got {number:g}")
