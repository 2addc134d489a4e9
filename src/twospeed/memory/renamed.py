"""Settings of memories that had another name before: memory files written then open as they are."""

from collections.abc import Mapping
from typing import Any

from twospeed.core.renamed import Renamed


def _rest_of(share: Any) -> Any:
    return 1 - share if isinstance(share, int | float) else share


SETTINGS: Mapping[str, Renamed] = {
    "doubt": Renamed("generated_weight", _rest_of),
    "trust": Renamed("retrieval_range"),
}
"""Old name -> what it is now."""


def is_of_both(values: Mapping[str, Any]) -> bool:
    """Say whether stored settings are from when one class held those of both ways of writing."""
    return {"levels_per_update", "ridge"} <= values.keys()
