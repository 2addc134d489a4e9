import pytest

from twospeed.planning.consolidation.config import Bounds
from twospeed.planning.consolidation.matrix import rows_of
from twospeed.planning.consolidation.skills import Measured

BOUNDS = Bounds(loss=0.1, obeyed=0.05, recall=0.5, retrace=0.2)


def row(skill, before, after):
    old, new = (
        Measured(skill=skill, world="rooms", value=value, unit="", episodes=4)
        for value in (before, after)
    )
    return rows_of({old.name: old}, [new], BOUNDS)[0]


@pytest.mark.parametrize(
    ("skill", "before", "after", "lost", "is_kept"),
    [
        ("loss", 0.2, 0.21, 0.05, True),
        ("loss", 0.2, 0.23, 0.15, False),
        ("loss", 0.2, 0.1, -0.5, True),
        ("obeyed", 0.9, 0.88, 0.02, True),
        ("obeyed", 0.9, 0.8, 0.1, False),
        ("recall", 7.0, 6.6, 0.4, True),
        ("recall", 7.0, 6.0, 1.0, False),
        ("retrace", 0.1, 0.4, 0.3, False),
        ("retrace", 0.4, 0.1, -0.3, True),
    ],
)
def test_what_is_lost_is_held_to_its_bound(skill, before, after, lost, is_kept):
    one = row(skill, before, after)
    assert one.lost == pytest.approx(lost)
    assert one.is_kept is is_kept
    told = one.to_json(780_000)
    assert (told["kept"], told["bound"]) == (is_kept, getattr(BOUNDS, skill))
    assert told["seeds"] == [780_000, 780_003]


def test_what_cannot_be_measured_breaks_no_bound():
    one = row("retrace", None, None)
    assert one.is_kept
    assert one.lost == 0
