"""All searches, by the name that ``--search`` takes."""

from collections.abc import Callable, Mapping, Sequence

from twospeed.planning.search.base import ActionSearch
from twospeed.planning.search.beam import BeamSearch
from twospeed.planning.search.cem import CrossEntropySearch
from twospeed.worldmodel.model import WorldModel

SEARCHES: Mapping[str, Callable[[WorldModel, Sequence[str]], ActionSearch]] = {
    "beam": BeamSearch,
    "cem": CrossEntropySearch,
}
"""Name -> search of commands that a model imagines."""
