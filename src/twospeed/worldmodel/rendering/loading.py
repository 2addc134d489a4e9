"""The part of a model folder that draws views anew."""

from pathlib import Path

from twospeed.core.errors import DataError
from twospeed.worldmodel.loading import class_name_in, load_network
from twospeed.worldmodel.rendering.renderer import ViewRenderer


def load_renderer(folder: Path) -> ViewRenderer | None:
    """Load ``renderer/`` of a model folder in full precision, or None where there is none.

    Raises:
        DataError: when it is of another class, damaged, or lacks weights.
    """
    place = folder / "renderer"
    if not place.is_dir():
        return None
    if class_name_in(place) != ViewRenderer.__name__:
        raise DataError(f"{place} holds a {class_name_in(place)}, not a {ViewRenderer.__name__}")
    loaded: ViewRenderer = load_network(ViewRenderer, "renderer", place)
    return loaded
