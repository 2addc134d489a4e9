import math
from dataclasses import replace

import pytest
import torch

from twospeed.core.errors import ConfigError
from twospeed.generation.dream import Dream
from twospeed.memory.config import ViewConfig
from twospeed.memory.edits import forget, merge
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import load_memory, save_memory
from twospeed.memory.memory_file import memory_of, open_memories
from twospeed.memory.views.coverage import covering
from twospeed.memory.views.locating import located
from twospeed.memory.views.reading import drawn_from
from twospeed.memory.views.rows import Rows
from twospeed.memory.views.seeing import shown_in
from twospeed.worldmodel.reading import Reading
from twospeed.worldmodel.rendering.camera import Camera
from twospeed.worldmodel.rendering.sweep import SeenViews

CONFIG = ViewConfig(rank=12)
CERTAIN = replace(CONFIG, retrieval_range=(-1000.0, -999.0))
NEVER = replace(CONFIG, retrieval_range=(998.0, 999.0), known_view=0.0)


def rows_of(*poses, spare=0):
    """Return rows of views at some poses; the view at number n has latents n."""
    down = torch.zeros(len(poses) + spare, 5)
    up = torch.zeros(5, len(poses) + spare)
    for number, pose in enumerate(poses):
        down[number] = torch.tensor([1.0, *pose, number])
        up[:, number] = number
    return Rows(down, up)


def observed(model, *windows, config=CONFIG, generated=False):
    memory = FastWeights(model, config, seeds=range(len(windows[0])))
    for window in windows:
        memory.observe(window, ["turn left"] * len(window), past_frames=4, generated=generated)
    return memory


def carrying(renderer):
    """Return a renderer of a world in which what moves carries on, and to which that counts."""
    made = renderer.untrained(carries_on=True)
    made.load_state_dict(renderer.state_dict(), strict=False)
    for head in (made.motion.was_carried, made.motion.will_be_carried):
        torch.nn.init.normal_(head[-1].weight, std=0.05, generator=torch.Generator().manual_seed(0))
    return made.eval()


def test_where_what_moves_carries_on_the_step_before_leads_on(viewing_model, make_window):
    viewing_model.renderer = carrying(viewing_model.renderer)
    memory = observed(viewing_model, make_window())
    writer, past = memory.writer, make_window()[:, :, -1:]
    writer.last_EO[0] = past[0, :, 0].flatten()
    text, known = viewing_model.text_encoder.encode(["turn left"]), writer.stand_of(past)[1]
    assert torch.equal(known, writer.step_E3)
    motion = viewing_model.renderer.motion
    with torch.no_grad():
        after, from_rest = (motion.ahead(past[:, :, -1], text, it) for it in (known, None))
    assert not torch.allclose(after, from_rest)


def chosen(rows, pose, most=2):
    found = covering(rows.poses_R3, rows.is_there_R, torch.tensor(pose), most=most, reach=1.0)
    return found[0].tolist(), found[1]


def generated(model, memory, past):
    return model.generate(past, ["turn left"] * len(past), [(5,)] * len(past), fast_weights=memory)


def test_the_view_from_the_same_pose_covers_best():
    rows = rows_of((0, 0, 0), (0.5, 0, 0), (0, 0, math.pi), spare=1)
    places, covered = chosen(rows, [0.5, 0.0, 0.0])
    assert places[0] == 1
    assert covered > 0.9
    assert chosen(rows, [9.0, 9.0, 0.0])[1] < 1e-3


def test_views_are_chosen_that_show_what_others_do_not():
    quarter = math.pi / 4
    rows = rows_of((0, 0, quarter), (0.01, 0, quarter), (0, 0, -quarter))
    assert sorted(chosen(rows, [0.0, 0.0, 0.0])[0]) == [0, 2]


def test_a_view_that_looks_away_is_not_chosen():
    assert chosen(rows_of((0, 0, math.pi)), [0.0, 0.0, 0.0]) == ([], 0.0)


def test_a_later_view_from_the_same_pose_takes_the_row():
    rows = rows_of((0, 0, 0), (1, 0, 0), spare=1)
    rows.put_(torch.tensor([1.0, 0.001, 0.0]), torch.full((5,), 7.0), chunk=9, same=0.05)
    assert rows.up_OR[0].tolist() == [0, 7, 0]
    rows.put_(torch.tensor([3.0, 0, 0]), torch.full((5,), 8.0), chunk=9, same=0.05)
    assert rows.up_OR[0].tolist() == [0, 7, 8]


def test_when_all_rows_are_taken_one_of_two_that_are_most_alike_makes_room():
    rows = rows_of((0, 0, 0), (5, 0, 0), (5.1, 0, 0))
    rows.put_(torch.tensor([9.0, 0, 0]), torch.full((5,), 7.0), chunk=9, same=0.05)
    kept = rows.up_OR[0].tolist()
    assert 0 in kept
    assert 7 in kept
    assert len({1, 2} & set(kept)) == 1


def test_a_frame_that_was_seen_tells_its_pose_the_nearest_where_two_look_alike():
    rows = rows_of((0, 0, 0), (5, 0, 0), spare=1)
    rows.up_OR[:] = 1
    found = rows.looks_like(torch.ones(5), torch.tensor([4.0, 0, 0]), tolerance=1e-3)
    assert found.tolist() == [5, 0, 0]
    assert rows.looks_like(torch.zeros(5), torch.zeros(3), tolerance=1e-3) is None


def test_a_pose_that_is_a_little_off_comes_back_to_where_older_views_show_the_frame(viewing_model):
    renderer = viewing_model.renderer
    smooth = torch.randn(8, 4, 4, generator=torch.Generator().manual_seed(4))
    frames = torch.stack([smooth, smooth.roll(1, 2)]).flatten(1)
    rows = Rows(torch.zeros(3, 5), torch.zeros(frames.shape[1], 3))
    for chunk, (pose, frame) in enumerate(zip([[0.0, 0, 0], [3.0, 0, 2]], frames, strict=True)):
        rows.put_(torch.tensor(pose), frame, chunk=chunk, same=0.05)
    off = torch.tensor([0.0, 0.0, 0.04])
    found = located(viewing_model, renderer, rows, rows.before(1), (frames[0], off), most=4)
    assert found[2].abs() < 0.01
    strange = torch.tensor([20.0, 20.0, 0.0])
    same = located(viewing_model, renderer, rows, rows.before(1), (frames[0], strange), most=4)
    assert torch.equal(same, strange)


def test_writes_keep_new_frames_where_their_motion_leads(viewing_model, make_window):
    window = make_window(2)
    memory = observed(viewing_model, window)
    motion, text = viewing_model.renderer.motion, viewing_model.text_encoder.encode(["turn left"])
    poses = motion.followed(torch.zeros(1, 3), window[1:, :, 3:], [text] * 4)[0]
    rows = memory.writer.rows(1)
    assert int(rows.is_there_R.sum()) == 5
    torch.testing.assert_close(rows.poses_R3[:5], poses)
    torch.testing.assert_close(rows.up_OR[:, 2], window[1, :, 5].flatten())
    record = memory.records[1][0]
    assert record.loss_after < 1e-6 < record.loss_before


def test_what_was_generated_is_kept_only_where_nothing_was_seen(viewing_model, make_window):
    window = make_window()
    first = observed(viewing_model, window)
    count = int(first.writer.rows(0).is_there_R.sum())
    echo = replace(CONFIG, news_below=0.0)
    memory = open_memories(viewing_model, [replace(memory_of(first), config=echo)], seeds=(0,))
    memory.observe(make_window(seed=1), ["turn left"], past_frames=4, generated=True)
    assert int(memory.writer.rows(0).is_there_R.sum()) == count
    first.observe(make_window(seed=1), ["turn left"], past_frames=4, generated=False)
    assert int(first.writer.rows(0).is_there_R.sum()) > count


def test_following_moves_on_and_learns_nothing(viewing_model, make_window):
    memory = observed(viewing_model, make_window())
    before, rows = memory.state()["pose"], memory.adapters.up["views"].clone()
    memory.follow(make_window(seed=1)[0, :, :3], ["turn left", "go back"])
    assert torch.equal(memory.adapters.up["views"], rows)
    assert not torch.equal(memory.state()["pose"], before)


def test_a_past_that_was_seen_puts_the_episode_back_there(viewing_model, make_window):
    window = make_window()
    memory = observed(viewing_model, window, make_window(seed=1))
    place = memory.writer.stand_of(window[:, :, 4:7])[0]
    torch.testing.assert_close(place[0], memory.writer.rows(0).poses_R3[3])


def test_what_is_sure_is_the_drawing_and_the_denoiser_is_not_asked(
    viewing_model, make_window, monkeypatch
):
    window = make_window()
    memory = observed(viewing_model, window, config=CERTAIN)
    text = viewing_model.text_encoder.encode(["turn left"])
    reading = memory.read(Reading.of(viewing_model.denoiser, window[:, :, 4:], text))
    monkeypatch.setattr(type(viewing_model.denoiser), "forward", None)
    made = generated(viewing_model, memory, window[:, :, 4:])
    torch.testing.assert_close(made, reading.drawn.latents, atol=1e-4, rtol=1e-4)
    assert reading.familiarity_B.tolist() == [1]


@pytest.mark.parametrize(
    ("turn", "shown"), [(0, [1, 1, 1, 1]), (45, [0, 0, 1, 1]), (-45, [1, 1, 0, 0]), (95, [0] * 4)]
)
def test_a_cell_counts_as_shown_where_a_seen_view_looks(turn, shown):
    views = SeenViews(
        pixels=torch.zeros(1, 1, 3, 16, 16),
        told=torch.zeros(1, 1, 3, 8, 8),
        steps_BK3=torch.tensor([[[0.0, 0.0, -math.radians(turn)]]]),
        is_there_BK=torch.ones(1, 1, dtype=torch.bool),
    )
    found = shown_in(views, torch.linspace(0.5, 8, 6), 4, Camera())
    assert found.shape == (1, 4, 4)
    assert found[0, 1:3].round().tolist() == [[float(it) for it in shown]] * 2


def test_where_no_view_looks_nothing_is_sure_however_small_the_error_seems(
    viewing_model, make_window
):
    memory = observed(viewing_model, make_window(1), config=CERTAIN)
    rows = memory.writer.rows(0)
    behind = rows.poses_R3[rows.is_there_R][:1] + torch.tensor([0.0, 0.0, math.pi])
    assert drawn_from(viewing_model, rows, behind, most=4) is None


@pytest.mark.parametrize("is_empty", [True, False])
def test_nothing_sure_leaves_the_slow_weights_alone(viewing_model, make_window, is_empty):
    past = make_window()[:, :, 4:]
    memory = FastWeights(viewing_model, CERTAIN if is_empty else NEVER)
    if not is_empty:
        viewing_model.denoiser.recall = None  # it would be told of the drawing
        viewing_model.denoiser.register_to_config(recall_keys=0)
        memory.observe(make_window(), ["turn left"], past_frames=4)
    made = generated(viewing_model, memory, past)
    torch.testing.assert_close(made, generated(viewing_model, None, past), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("carries_on", [False, True])
def test_views_survive_their_file_and_go_on_bit_for_bit(
    viewing_model, make_window, tmp_path, carries_on
):
    if carries_on:
        viewing_model.renderer = carrying(viewing_model.renderer)
    memory = observed(viewing_model, make_window())
    save_memory(memory, tmp_path / "views")
    again = open_memories(viewing_model, [load_memory(tmp_path / "views")], seeds=(0,))
    assert ("step" in memory.state()) == carries_on
    for one in (memory, again):
        one.observe(make_window(seed=1), ["go back"], past_frames=4)
    assert torch.equal(memory.adapters.up["views"], again.adapters.up["views"])
    assert torch.equal(memory.adapters.down["views"], again.adapters.down["views"])
    assert torch.equal(memory.state()["pose"], again.state()["pose"])


def test_a_dream_with_views_goes_on_after_load_bit_for_bit(viewing_model, random_frames, tmp_path):
    first = random_frames(0, 1)[0]
    dream = Dream(viewing_model, first, memory=FastWeights(viewing_model, CONFIG))
    dream.step("turn left")
    dream.save(tmp_path / "dream")
    again = Dream.load(tmp_path / "dream", viewing_model)
    assert (dream.step("go back") == again.step("go back")).all()


def test_a_model_without_a_renderer_is_refused(model):
    with pytest.raises(ConfigError, match="no renderer"):
        FastWeights(model, CONFIG)


def test_views_of_two_episodes_cannot_be_blended(viewing_model, make_window):
    first, second = (memory_of(observed(viewing_model, make_window(seed=it))) for it in (0, 1))
    with pytest.raises(ConfigError, match="began as one"):
        merge(first, second)


def test_two_memories_that_began_as_one_merge_into_all_views_of_both(viewing_model, make_window):
    start = memory_of(observed(viewing_model, make_window()))
    ways = [open_memories(viewing_model, [start], seeds=(0,)) for _ in range(2)]
    for seed, memory in enumerate(ways, start=1):
        memory.observe(make_window(seed=seed), ["go back"], past_frames=4)
    files = [memory_of(it) for it in ways]
    both = merge(*files)
    known = {tuple(it) for file in files for it in file.up["views"].mT.tolist()}
    assert {tuple(it) for it in both.up["views"].mT.tolist()} <= known
    count = int(both.down["views"][:, 0].sum())
    assert count > int(files[0].down["views"][:, 0].sum())
    assert torch.equal(both.writer["pose"], files[0].writer["pose"])
    assert torch.equal(merge(*files, share=0.1).writer["pose"], files[1].writer["pose"])


def test_a_file_holds_only_rows_with_views_and_opens_with_all(viewing_model, make_window, tmp_path):
    memory = observed(viewing_model, make_window(), config=replace(CONFIG, rank=500))
    save_memory(memory, tmp_path / "m")
    size = sum(path.stat().st_size for path in (tmp_path / "m").iterdir())
    assert size < 20_000
    again = load_memory(tmp_path / "m")
    assert torch.equal(again.up["views"], memory_of(memory).up["views"])
    save_memory(FastWeights(viewing_model, CONFIG), tmp_path / "empty")
    assert not load_memory(tmp_path / "empty").up["views"].any()


def test_what_was_seen_from_just_there_is_taken_as_it_was(viewing_model, make_window):
    """A model that says nothing moves stands where it stood: it sees what it saw."""
    with torch.no_grad():
        for head in (viewing_model.renderer.motion.will_be, viewing_model.renderer.motion.was):
            head[-1].weight.zero_()
            head[-1].bias.zero_()
    window = make_window()
    memory = observed(viewing_model, window, config=replace(NEVER, known_view=0.15))
    text = viewing_model.text_encoder.encode(["turn left"])
    reading = memory.read(Reading.of(viewing_model.denoiser, window[:, :, 4:], text))
    assert reading.familiarity_B.tolist() == [1]
    last = window[:, :, -1:].expand_as(reading.drawn.latents)
    torch.testing.assert_close(reading.drawn.latents, last)


def test_forgetting_drops_the_first_share_of_the_views(viewing_model, make_window):
    file = memory_of(observed(viewing_model, make_window()))
    left = forget(file, share=0.4)
    assert left.down["views"][:, 0].tolist() == [0, 0, 1, 1, 1, *[0] * 7]
    assert not left.up["views"][:, :2].any()


def test_a_denoiser_of_half_precision_is_told_of_what_is_drawn(viewing_model, make_window):
    memory = observed(viewing_model, make_window(), config=NEVER)
    viewing_model.denoiser.bfloat16()
    new = generated(viewing_model, memory, make_window(seed=1)[:, :, :4])
    assert new.dtype == torch.float32
    assert new.isfinite().all()
