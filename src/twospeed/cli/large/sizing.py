"""The size of frames that a command works in: what was asked for, or what a picture has.

Weights of other makers take many sizes, ours the one that they were trained on.
"""

from twospeed.core.pictures import Frame, Size
from twospeed.worldmodel.model import WorldModel


def take_size_(model: WorldModel, asked: Size | None, shown: Frame | None) -> None:
    """Set the size of a model's frames.

    Args:
        model: its settings change.
        asked: what was asked for; None takes that of `shown`.
        shown: what the frames go on from; None leaves the model's own size.

    Raises:
        ConfigError: when the model cannot take what was asked for, naming what it takes.
    """
    size = asked
    if asked is None and shown is not None:
        size = size_like(model, Size(*shown.shape[:2]))
    if size:
        model.configure(**size.fields)


def size_like(model: WorldModel, shown: Size) -> Size | None:
    """Return the largest size of a picture's shape that a model takes; None where it has its own.

    Its shorter side is not longer than the model's own, nor than the picture's.
    """
    if model.settings.world:
        return None
    side = model.rules.side
    scale = min(model.settings.frame_size / min(shown), 1.0)
    return Size(*(max(side, round(it * scale) // side * side) for it in shown))
