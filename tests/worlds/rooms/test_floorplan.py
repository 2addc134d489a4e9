import numpy as np
import pytest

from twospeed.worlds.rooms.floorplan import DOOR_WIDTH, draw_floor_plan, walls_along


@pytest.fixture(params=range(25))
def plan(request):
    return draw_floor_plan(np.random.default_rng(request.param))


def walls_on_line(plan, axis, position, low, high):
    """Start and end of the walls that stand at `position` between two places."""
    walls = walls_along(plan, axis)
    on_line = np.isclose(walls.segments[:, 0], position)
    inside = (walls.segments[:, 1] >= low - 1e-4) & (walls.segments[:, 2] <= high + 1e-4)
    return walls.segments[on_line & inside, 1:].tolist()


def test_every_room_can_be_reached(plan):
    reached, front = {0}, [0]
    while front:
        last = front.pop()
        for room in (a + b - last for a, b in plan.doors if last in (a, b)):
            if room not in reached:
                reached.add(room)
                front.append(room)
    assert reached == set(range(plan.num_rooms))


def test_a_door_joins_rooms_that_stand_side_by_side(plan):
    for a, b in plan.doors:
        assert b - a == plan.columns or (b - a == 1 and b % plan.columns)
        (ax, ay), (bx, by) = plan.centre(a), plan.centre(b)
        assert (ax == bx) != (ay == by)
        assert float(abs(ax - bx) + abs(ay - by)).is_integer()


def test_doors_are_in_the_middle_of_walls_and_other_walls_are_closed(plan):
    for room in range(plan.num_rooms):
        row, column = divmod(room, plan.columns)
        for other, axis in ((room + 1, 0), (room + plan.columns, 1)):
            if (axis == 0 and column == plan.columns - 1) or other >= plan.num_rooms:
                continue
            edges, along = (
                (plan.x_edges, plan.y_edges) if axis == 0 else (plan.y_edges, plan.x_edges)
            )
            position = edges[(column if axis == 0 else row) + 1]
            place = row if axis == 0 else column
            low, high = along[place], along[place + 1]
            middle = (low + high) / 2
            expected = (
                [[low, middle - DOOR_WIDTH / 2], [middle + DOOR_WIDTH / 2, high]]
                if (room, other) in plan.doors
                else [[low, high]]
            )
            found = walls_on_line(plan, axis, position, low, high)
            assert np.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_outer_walls_are_closed(plan, axis):
    edges, along = (plan.x_edges, plan.y_edges) if axis == 0 else (plan.y_edges, plan.x_edges)
    for position in (edges[0], edges[-1]):
        found = walls_on_line(plan, axis, position, 0, along[-1])
        assert sum(end - start for start, end in found) == pytest.approx(along[-1])


def test_a_room_holds_its_centre(plan):
    for room in range(plan.num_rooms):
        assert plan.room_at(*plan.centre(room)) == room


def test_a_place_outside_belongs_to_the_nearest_room(plan):
    assert plan.room_at(-1, -1) == 0
    assert plan.room_at(1000, 1000) == plan.num_rooms - 1


def test_there_is_a_ring_of_four_rooms(plan):
    corners = [
        room
        for room in range(plan.num_rooms - plan.columns - 1)
        if {(room, room + 1), (room, room + plan.columns)} <= plan.doors
        and (room + plan.columns, room + plan.columns + 1) in plan.doors
        and (room + 1, room + plan.columns + 1) in plan.doors
    ]
    assert corners
