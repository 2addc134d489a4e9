"""What a run tells and asks of its data before it begins: which they are, and at what rate."""

from typing import Any

from twospeed.core.errors import ConfigError
from twospeed.core.ranges import is_same_rate
from twospeed.core.runs.claims import fingerprint
from twospeed.training.data.sources import EpisodeSource


def check_rates(source: EpisodeSource, rate: float, asked: float | None, setting: str) -> None:
    """Refuse data of another rate than the model that is to learn from them.

    Args:
        source: the data.
        rate: frames per second of the model that is trained on.
        asked: a rate that the model is to go over to.
        setting: what says so, for the message.

    Raises:
        ConfigError: saying both rates.
    """
    rates = source.rates()
    if not rates or any(is_same_rate(it, rate) for it in rates):
        return
    if asked is not None and any(is_same_rate(it, asked) for it in rates):
        return
    said = " and ".join(f"{it:g}" for it in sorted(rates))
    first = f"{min(rates):g}"
    raise ConfigError(
        f"the data have {said} frames a second, the model that is trained on has"
        f" {rate:g}: import them with --fps {rate:g}, or let the model go over to {first} by"
        f" --set {setting}={first}"
    )


def data_note(source: EpisodeSource) -> dict[str, Any]:
    """Return what tells these episodes from others, for the note of a run, as JSON values."""
    held = source.contents()
    return {"episodes": held.num_episodes, "hash": fingerprint(source.groups())}
