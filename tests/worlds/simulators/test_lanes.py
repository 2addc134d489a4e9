"""Somebody drives along lanes: round corners, by chance at crossings, not into things."""

import math

import numpy as np
import pytest

from twospeed.worlds.simulators.lanes import Driver, Lanes, Move

SECONDS = 0.8
MOVES = {
    "ahead": Move(speed=0.35, turn=0.0),
    "left": Move(speed=0.3, turn=1.3),
    "right": Move(speed=0.3, turn=-1.3),
    "a little left": Move(speed=0.35, turn=0.5),
    "a little right": Move(speed=0.35, turn=-0.5),
    "round": Move(speed=0.0, turn=2.0),
}


def arc(middle, start, end, radius=0.4):
    angles = np.radians(np.linspace(start, end, 12))
    return np.array(middle) + radius * np.stack([np.cos(angles), np.sin(angles)], 1)


def line(start, end):
    return np.linspace(start, end, 12)


LOOP = [
    line((0, 0), (1, 0)), arc((1, 0.4), -90, 0), line((1.4, 0.4), (1.4, 1.4)),
    arc((1, 1.4), 0, 90), line((1, 1.8), (0, 1.8)), arc((0, 1.4), 90, 180),
    line((-0.4, 1.4), (-0.4, 0.4)), arc((0, 0.4), 180, 270),
]  # fmt: skip


def drive(driver, pose, chunks, things=(), seed=0):
    generator = np.random.default_rng(seed)
    poses, chosen = [pose], []
    for _ in range(chunks):
        chosen.append(driver.choose(poses[-1], things, generator))
        move, (x, y, heading) = MOVES[chosen[-1]], poses[-1]
        for _ in range(40):
            part = SECONDS / 40
            x += move.speed * part * math.cos(heading)
            y += move.speed * part * math.sin(heading)
            heading += move.turn * part
        poses.append((x, y, heading))
    return np.array(poses), chosen


def off(poses, lanes):
    points = np.concatenate(lanes)
    return np.hypot(*(poses[:, None, :2] - points[None]).transpose(2, 0, 1)).min(axis=1)


def test_lanes_follow_on_each_other_where_they_meet_in_one_direction():
    lanes = Lanes([*LOOP, line((1.4, 1.4), (1.4, 0.4))])  # one comes the other way
    assert [list(after) for after in lanes.next[:8]] == [[(i + 1) % 8] for i in range(8)]
    assert list(lanes.next[8]) == []
    assert lanes.nearest(1.4, 0.9, math.pi / 2) == 2
    assert lanes.nearest(1.4, 0.9, -math.pi / 2) == 8


@pytest.mark.parametrize("start", [(0.2, 0.1, 0.2), (0.5, -0.15, -0.4), (1.4, 0.9, 2.2)])
def test_a_driver_stays_on_the_lane_all_the_way_round(start):
    poses, chosen = drive(Driver(Lanes(LOOP), MOVES, SECONDS), start, 40)
    assert np.median(off(poses, LOOP)) < 0.07
    assert off(poses[3:], LOOP).max() < 0.2
    assert poses[-1, 2] - poses[0, 2] > 2 * math.pi, "at least once round"
    assert len(set(chosen)) > 2


def test_a_driver_who_looks_back_takes_the_lane_of_that_direction():
    both = [*LOOP, *(lane[::-1] for lane in LOOP)]
    driver = Driver(Lanes(both), MOVES, SECONDS)
    ahead, _ = drive(driver, (0.2, 0.0, 0.0), 3)
    x, y, heading = ahead[-1]
    back, _ = drive(driver, (x, y, heading + math.pi), 8)
    assert off(back, LOOP).max() < 0.2
    assert back[-1, 2] < heading + math.pi - 1, "round the loop to the right"


def test_chance_chooses_at_a_crossing_and_the_same_chance_the_same():
    fork = [line((0, 0), (1, 0)), arc((1, 0.4), -90, 0), arc((1, -0.4), 90, 0)]

    def end(seed):
        driver = Driver(Lanes(fork), MOVES, SECONDS)
        return drive(driver, (0.0, 0.0, 0.0), 5, seed=seed)[0][-1]

    sides = {end(seed)[1] > 0 for seed in range(8)}
    assert sides == {True, False}
    assert np.array_equal(end(3), end(3))


def test_a_thing_on_the_lane_is_not_driven_into():
    thing = (1.0, 0.0)
    free, _ = drive(Driver(Lanes(LOOP), MOVES, SECONDS), (0.0, 0.0, 0.0), 6)
    kept, _ = drive(Driver(Lanes(LOOP), MOVES, SECONDS), (0.0, 0.0, 0.0), 6, [thing])
    assert np.hypot(*(free[:, :2] - thing).T).min() < 0.17
    assert np.hypot(*(kept[:, :2] - thing).T).min() >= 0.17
