import dataclasses

import numpy as np
import pytest

from twospeed.evaluation.metrics.landmarks import (
    CANDIDATES,
    draw_candidates,
    find_sightings,
    recalled,
)
from twospeed.evaluation.protocols.walks import draw_walks
from twospeed.worlds.rooms.raycast import Scene, render

SIZE = 64


@pytest.fixture(scope="module")
def episodes():
    """Walks, what they show of landmarks, and what they would show without any."""
    walks = draw_walks("loop_return", range(48), size=SIZE)
    cases = []
    for walk in walks:
        frames = list(range(0, len(walk.frames), 9))
        found = find_sightings(
            Scene.of_seed(walk.route.seed),
            walk.route.poses,
            frames,
            size=SIZE,
            seed=walk.route.seed,
        )
        bare = dataclasses.replace(Scene.of_seed(walk.route.seed), landmarks=())
        pictures = np.zeros_like(walk.frames)
        pictures[frames] = render(bare, walk.route.poses[frames], size=SIZE).frames
        cases.append((walk, found, pictures))
    return cases


def test_the_truth_is_always_recalled(episodes):
    for walk, found, _ in episodes:
        assert recalled(found, walk.frames, first=0).all()


def test_frames_that_know_nothing_of_the_landmarks_score_near_chance(episodes):
    scores = [recalled(found, bare, first=0).mean() for _, found, bare in episodes if found]
    assert len(scores) > 30
    assert np.mean(scores) == pytest.approx(1 / CANDIDATES, abs=0.1)


def test_grey_frames_score_near_chance(episodes):
    scores = [
        recalled(found, np.full_like(bare, 128), first=0).mean()
        for _, found, bare in episodes
        if found
    ]
    assert np.mean(scores) == pytest.approx(1 / CANDIDATES, abs=0.1)


def test_another_identity_in_its_place_is_not_a_recall():
    walk = draw_walks("loop_return", [5], size=SIZE)[0]
    frames = range(len(walk.frames))
    found = find_sightings(
        Scene.of_seed(walk.route.seed), walk.route.poses, frames, size=SIZE, seed=5
    )
    assert found
    mark = found[0].landmark
    other = draw_candidates(Scene.of_seed(walk.route.seed), mark, seed=5)[found[0].true - 1]
    marks = list(Scene.of_seed(walk.route.seed).landmarks)
    marks[mark] = dataclasses.replace(marks[mark], identity=other)
    wrong = dataclasses.replace(Scene.of_seed(walk.route.seed), landmarks=tuple(marks))
    pictures = render(wrong, walk.route.poses, size=SIZE).frames
    mine = [sighting for sighting in found if sighting.landmark == mark]
    assert not recalled(mine, pictures, first=0).any()


def test_small_landmarks_are_not_judged():
    walk = draw_walks("loop_return", [5], size=SIZE)[0]
    shown = render(Scene.of_seed(walk.route.seed), walk.route.poses, size=SIZE).landmarks
    frames = range(len(walk.frames))
    found = find_sightings(
        Scene.of_seed(walk.route.seed), walk.route.poses, frames, size=SIZE, seed=5
    )
    sizes = [(shown[sighting.frame] == sighting.landmark).sum() for sighting in found]
    assert min(sizes) >= 25


def test_candidates_are_the_truth_and_identities_that_the_episode_does_not_hold():
    scene = Scene.of_seed(3)
    held = {mark.identity for mark in scene.landmarks}
    for index, mark in enumerate(scene.landmarks):
        drawn = draw_candidates(scene, index, seed=3)
        assert drawn == draw_candidates(scene, index, seed=3)
        assert len(set(drawn)) == CANDIDATES
        assert set(drawn) & held == {mark.identity}


def test_no_frames_no_sightings():
    walk = draw_walks("loop_return", [5], size=SIZE)[0]
    assert (
        find_sightings(Scene.of_seed(walk.route.seed), walk.route.poses, [], size=SIZE, seed=5)
        == []
    )
