import pytest

from twospeed.planning.consolidation.config import Bounds, MatrixConfig
from twospeed.planning.consolidation.matrix import rows_of
from twospeed.planning.consolidation.skills import Measured, measure
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.vocabulary import KnownAction, Vocabulary

BOUNDS = Bounds(loss=0.1, obeyed=0.05, recall=0.5, retrace=0.2, put_back=0.03)


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
        ("put_back", 0.01, 0.05, 0.04, False),
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


def test_what_is_planned_is_measured_in_the_models_own_world_alone(trained):
    model = WorldModel.from_pretrained(trained.folder)
    model.vocabulary = Vocabulary({"turn left": KnownAction(worlds=("doom", "rooms"))})
    found = {it.name: it.missing for it in measure(model, MatrixConfig(skills=("retrace",)))}
    assert found == {
        "retrace, doom": "the model's own world is rooms",
        "retrace, rooms": "its inverse dynamics read frames of 64 pixels",
    }
    own = MatrixConfig(skills=("retrace",), worlds=("rooms",))
    assert [it.world for it in measure(model, own)] == ["rooms"]
