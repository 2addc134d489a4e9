import numpy as np
import pytest

from twospeed.core.errors import DataError
from twospeed.evaluation.metrics.frechet import Cloud
from twospeed.evaluation.yardstick.features import features_of, load_clip_network, network_folder
from twospeed.evaluation.yardstick.labels import joined
from twospeed.evaluation.yardstick.network import clip_pixels
from twospeed.evaluation.yardstick.places import Walks, record_walks
from twospeed.worlds.registry import WORLDS, is_installed


def needs(world):
    about = WORLDS[world].about
    return pytest.mark.skipif(not is_installed(about), reason=f"needs {about.engine}")


EPISODES = 24


@pytest.fixture(scope="module")
def walks():
    """Walks that the network was not trained on."""
    return record_walks("doom", range(610_000, 610_000 + EPISODES))


@pytest.fixture(scope="module")
def network():
    return load_clip_network(network_folder("doom")).requires_grad_(False)


def made_up():
    """Two walks of 37 frames: one stands and turns, one goes east."""
    frames = np.arange(2 * 37, dtype=np.uint8).reshape(2, 37, 1, 1, 1).repeat(3, axis=-1)
    steps = np.arange(37, dtype=np.float32)
    turning, going = (np.zeros((37, 3), np.float32) for _ in range(2))
    turning[:, 2], going[:, 0] = 22.5 * steps % 360, 0.25 * steps
    return Walks(frames_EFHWC=frames, poses_EF3=np.stack([turning, going]))


def test_clips_are_chunks_with_the_frame_before():
    walks = made_up()
    clips, poses = walks.clips([0, 10])
    assert walks.num_clips == 18
    assert clips[..., 0, 0, 0].tolist() == [[0, 1, 2, 3, 4], [41, 42, 43, 44, 45]]
    assert poses[1, :, 0].tolist() == [1.0, 1.25, 1.5, 1.75, 2.0]


def test_places_and_headings_are_told():
    walks = made_up()
    labels = walks.labels(walks.poses_EF3)
    assert labels.moved_BS3[0] == pytest.approx(np.tile([0, 0, 1], (36, 1)), abs=1e-5)
    assert labels.moved_BS3[1] == pytest.approx(np.tile([1, 0, 0], (36, 1)), abs=1e-5)
    assert labels.place_BT2[..., 0].mean() == pytest.approx(0, abs=1e-5)
    assert labels.place_BT2[..., 0].std() == pytest.approx(1, abs=1e-5)
    assert labels.heading_BT4[0, 2] == pytest.approx([0.5**0.5, 0.5**0.5, 1, 0], abs=1e-5)
    assert len(joined([labels, labels]).place_BT2) == 4


def test_a_place_that_no_walk_leaves_has_no_deviation():
    walks = made_up()
    assert np.isfinite(walks.labels(walks.poses_EF3).place_BT2).all()


@needs("fetch")
def test_a_world_without_poses_is_refused():
    with pytest.raises(DataError, match="fetch does not say where"):
        record_walks("fetch", range(3, 4))


@needs("doom")
def test_the_packaged_network_tells_what_it_was_trained_to_tell(walks, network):
    clips, poses = walks.clips(range(walks.num_clips))
    guesses, features = network(clip_pixels(clips))
    labels = walks.labels(poses)
    assert features.shape == (9 * EPISODES, 4, 96)
    for name, least in (("moved_BS3", 0.8), ("place_BT2", 0.6), ("heading_BT4", 0.4)):
        truth = getattr(labels, name)
        error = np.square(getattr(guesses, name).numpy() - truth).mean()
        assert 1 - error / truth.var() > least


@needs("doom")
@pytest.mark.parametrize("damage", ["soft", "other halves", "still"])
def test_the_distance_grows_with_damage(walks, network, damage):
    def distance(amount):
        found = features_of(network, damaged(clips, damage, amount)).flatten(0, 1).numpy()
        return Cloud.of(found).distance(own)

    clips, _ = walks.clips(range(walks.num_clips))
    own = Cloud.of(features_of(network, clips).flatten(0, 1).numpy())
    found = [distance(amount) for amount in (0.0, 0.3, 0.6, 1.0)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(0, abs=1e-3)


def damaged(clips, damage, share):
    """Return clips of which a share is soft, half another clip's, or a frame that stands."""
    count = round(share * len(clips))
    harmed, some = clips.copy(), clips[:count]
    if damage == "soft":
        means = some.reshape(count, 5, 16, 4, 16, 4, 3).mean((3, 5)).astype(np.uint8)
        harmed[:count] = means.repeat(4, axis=2).repeat(4, axis=3)
    elif damage == "other halves":
        harmed[:count, :, :, 32:] = np.roll(clips, 7, axis=0)[:count, :, :, 32:]
    else:
        harmed[:count] = some[:, :1]
    return harmed
