"""Settings of memories that had another name before: memory files written then open as they are."""

import re
from collections.abc import Mapping
from typing import Any

from twospeed.core.renamed import Renamed


def _rest_of(share: Any) -> Any:
    return 1 - share if isinstance(share, int | float) else share


_NAMES = re.compile(r"\^?\(?([\w.\\]+(?:\|[\w.\\]+)*)\)?\$")


def _names_in(pattern: Any) -> Any:
    """Return the names that an expression such as ``(to_q|up)$`` lists; it is never run."""
    found = _NAMES.fullmatch(pattern) if isinstance(pattern, str) else None
    return found[1].replace("\\", "").split("|") if found else pattern


SETTINGS: Mapping[str, Renamed] = {
    "doubt": Renamed("generated_weight", _rest_of),
    "trust": Renamed("retrieval_range"),
    "targets": Renamed("targets", _names_in),
}
"""Old name -> what it is now; `targets` was a regular expression."""


def is_of_both(values: Mapping[str, Any]) -> bool:
    """Say whether stored settings are from when one class held those of both ways of writing."""
    return {"levels_per_update", "ridge"} <= values.keys()
