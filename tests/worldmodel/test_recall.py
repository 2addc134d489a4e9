from dataclasses import replace

import pytest
import torch

from twospeed.core.errors import ConfigError
from twospeed.recipes import rooms_tiny
from twospeed.worldmodel.build import build_denoiser
from twospeed.worldmodel.initial import expand
from twospeed.worldmodel.recall import recalled_target, time_reversed


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def levels(*row):
    return torch.tensor([row])


def test_what_is_recalled_depends_on_past_and_action_alone(model):
    recall = model.denoiser.recall
    window, other = draw(1, 8, 8, 4, 4), draw(1, 8, 8, 4, 4, seed=1)
    other[:, :, :4] = window[:, :, :4]
    action = draw(1, 32)
    first, there = recall(window, levels(0, 0, 0, 0, 900, 900, 900, 900), action)
    again, _ = recall(other, levels(0, 0, 0, 0, 200, 200, 200, 200), action)
    assert torch.equal(first, again)
    assert there.tolist() == [[False] * 4 + [True] * 4]
    assert not first[:, :, :4].any()
    assert first[:, :, 4:].abs().min() > 0
    assert not torch.equal(first, recall(window, levels(0, 0, 0, 0, 9, 9, 9, 9), -action)[0])
    other[:, :, 3] += 1
    assert not torch.equal(first, recall(other, levels(0, 0, 0, 0, 9, 9, 9, 9), action)[0])


def test_the_layer_sees_the_keys_that_are_written_with(model):
    recall = model.denoiser.recall
    window, action = draw(2, 8, 8, 4, 4), draw(2, 32)
    level = levels(0, 0, 0, 0, 900, 900, 900, 900).expand(2, -1)
    found = recall(window, level, action)[0][:, :, 4:]
    keys = recall.keys(window[:, :, :4], action)
    torch.testing.assert_close(keys.norm(dim=-1), torch.ones(2))
    guess = recall.layer(keys)
    torch.testing.assert_close(found[:, :-1].transpose(1, 2).flatten(1), guess[:, :-1])
    torch.testing.assert_close(found[:, -1, :, 0, 0], guess[:, -1:].expand(-1, 4))


def test_a_first_frame_alone_was_there_before(model):
    recall = model.denoiser.recall
    window, action = draw(1, 8, 5, 4, 4), draw(1, 32)
    found, _ = recall(window, levels(0, 500, 500, 500, 500), action)
    padded = window[:, :, :1].expand(-1, -1, 4, -1, -1)
    guess = recall.layer(recall.keys(padded, action))
    torch.testing.assert_close(found[:, :-1, 1:].transpose(1, 2).flatten(1), guess[:, :-1])


def test_nothing_is_recalled_where_there_is_no_past_or_beyond_a_chunk(model):
    recall = model.denoiser.recall
    recalled, there = recall(draw(1, 8, 8, 4, 4), torch.full((1, 8), 500), draw(1, 32))
    assert not recalled.any()
    assert not there.any()
    recalled, there = recall(draw(1, 8, 8, 4, 4), levels(0, 0, *[500] * 6), draw(1, 32))
    assert there.tolist() == [[False, False, True, True, True, True, False, False]]
    assert not recalled[:, :, 6:].any()


def test_clips_of_a_batch_may_have_pasts_of_different_lengths(model):
    recall = model.denoiser.recall
    window, action = draw(2, 8, 8, 4, 4), draw(2, 32)
    level = torch.cat([levels(0, 5, 0, 0, 9, 9, 9, 9), levels(0, 0, 9, 9, 9, 9, 9, 9)])
    both, _ = recall(window, level, action)
    for clip in range(2):
        one = slice(clip, clip + 1)
        torch.testing.assert_close(both[one], recall(window[one], level[one], action[one])[0])


def test_targets_are_latents_frame_by_frame_and_the_mark():
    new = draw(2, 8, 4, 4, 4)
    target = recalled_target(new)
    assert target.shape == (2, 513)
    assert torch.equal(target[1, :-1].view(4, 8, 4, 4)[2], new[1, :, 2])
    assert (target[:, -1] == 1).all()


def test_what_undoes_a_chunk_ends_where_it_began():
    past, new = draw(2, 8, 3, 4, 4), draw(2, 8, 4, 4, 4, seed=1)
    before, after = time_reversed(past, new)
    assert torch.equal(before, new)
    assert torch.equal(after[:, :, -1], past[:, :, -1])
    assert torch.equal(after[:, :, :3], new[:, :, [2, 1, 0]])
    assert torch.equal(time_reversed(before, after)[1], new)  # undone twice, it is the chunk itself


def test_a_trained_denoiser_gets_the_parts_it_lacks_and_says_what_it_said(make_model):
    config = replace(rooms_tiny().model, depth=3, attends_last=True)
    lacking = {
        "recall_keys": 0, "depth": 1, "conv_blocks": 1, "shows_last": False, "attends_last": False,
    }  # fmt: skip
    old = build_denoiser(config.__class__(**(_values(config) | lacking)), seed=3)
    with torch.no_grad():
        for tensor in old.parameters():
            tensor += 0.1 * draw(*tensor.shape)
    more = expand(old, config, seed=0)
    window, level = draw(1, 8, 8, 4, 4), levels(0, 0, 0, 0, 900, 900, 900, 900)
    text = draw(1, 3, 16)
    with torch.no_grad():
        assert torch.equal(more(window, level, text), old(window, level, text))
    assert more.state_dict().keys() > old.state_dict().keys()
    assert expand(more, config, seed=0) is more
    unet = make_model(denoiser="unet3d").denoiser
    other = config.__class__(**(_values(config) | {"denoiser": "unet3d"}))
    assert expand(unet, other, seed=0) is unet
    anew, built = expand(old, other, seed=3), build_denoiser(other, seed=3)
    assert type(anew) is type(unet)  # the other parts of the model are trained on, this one begins
    assert all(
        torch.equal(*both) for both in zip(anew.parameters(), built.parameters(), strict=True)
    )
    wider = config.__class__(**(_values(config) | {"width": 48, "heads": 3}))
    with pytest.raises(ConfigError, match="other sizes"):
        expand(old, wider, seed=0)


def _values(config):
    return {name: getattr(config, name) for name in config.__dataclass_fields__}
