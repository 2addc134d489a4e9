import pytest
import torch

from twospeed.training.data.vocabulary import actions_of, anchors_of, sayings_of
from twospeed.training.loop_config import LoopConfig
from twospeed.training.stages.text import (
    GRADES,
    TextRun,
    _say,
    held_out_accuracy,
    train_text_encoder,
)
from twospeed.worldmodel.text import TextEncoderConfig
from twospeed.worlds.language import MOVES

RUN = TextRun(
    batch_size=16, loop=LoopConfig(steps=100, learning_rate=1e-2, warmup_steps=10, ema_decay=0.8)
)


def test_training_understands_sayings_it_has_never_seen(tmp_path):
    encoder, accuracy = train_text_encoder(
        MOVES, RUN, out=tmp_path, size=TextEncoderConfig(width=32, layers=1)
    )
    assert accuracy > 0.5  # chance is 1 in 7
    assert held_out_accuracy(encoder, MOVES) == accuracy
    nothing = torch.cdist(encoder.encode([""])[:, 0], anchors_of(list(MOVES), 32))
    assert nothing.argmin() == 0


def test_no_held_out_saying_is_ever_said_in_training():
    held_out = {text for action in MOVES.values() for text in action.held_out}
    said = {text for action in MOVES.values() for text in (action.text, *action.paraphrases)}
    assert not held_out & said


def test_what_is_said_comes_from_the_sayings():
    generator = torch.Generator().manual_seed(0)
    assert _say(("",), (), 0.5, generator) == ""
    plain = [_say(("turn left",), (), 0.0, generator) for _ in range(50)]
    assert all("turn left" in text.lower() for text in plain)
    assert len(set(plain)) > 10


def test_nothing_is_dressed_up_as_another_saying():
    generator = torch.Generator().manual_seed(0)
    said = {_say(("turn left",), {"turn left a little"}, 0.0, generator) for _ in range(300)}
    assert "turn left a bit" in said
    assert "turn left a little" not in said


def test_what_has_a_smaller_grade_is_not_dressed_up_as_that():
    said = [
        {
            _say(("walk",), (), 0.0, torch.Generator().manual_seed(i), has_grade=it)
            for i in range(99)
        }
        for it in (False, True)
    ]
    assert any(text.endswith(GRADES) for text in said[0])
    assert not any(text.endswith(GRADES) for text in said[1])
    assert {text for text in said[0] if not text.endswith(GRADES)} <= said[1]


def test_anchors_are_fixed_and_apart():
    anchors = anchors_of(list(MOVES), 64)
    assert torch.equal(anchors, anchors_of(list(MOVES), 64))
    assert torch.pdist(anchors).min() > 5
    assert anchors.var().item() == pytest.approx(1, abs=0.2)


def test_anybodys_texts_have_anchors_of_their_words():
    texts = ["open the drawer", "Open the fridge!", "wash a cup", "turn left", "??"]
    anchors = anchors_of(texts, 512)
    assert anchors.var(1).numpy() == pytest.approx(1, abs=0.3)
    drawer, fridge, cup = (anchors[1] @ anchors[row] / 512 for row in (1, 2, 3))
    assert drawer > 0.8
    assert fridge == pytest.approx(2 / 3, abs=0.2)  # two words of three
    assert cup == pytest.approx(0, abs=0.2)
    assert torch.equal(anchors[4], anchors_of(list(MOVES), 512)[1 + list(MOVES).index("turn left")])


def test_actions_without_held_out_sayings_are_tried_by_their_text(tmp_path):
    actions = actions_of(["stir the soup", "pour the tea"])
    own = {text: action for text, action in actions.items() if text not in MOVES}
    size = TextEncoderConfig(width=32, layers=1)
    encoder, _ = train_text_encoder(actions, RUN, out=tmp_path, size=size)
    assert held_out_accuracy(encoder, own) == 1.0


def test_the_order_of_words_counts():
    texts = ["put the cup on the plate", "put the plate on the cup", "wash a spoon"]
    one, other, third = anchors_of(texts, 512)[1:]
    assert 1 < (one - other).norm() < (one - third).norm()


def test_a_vocabulary_knows_the_worlds_and_takes_any_other_text_as_it_is():
    found = actions_of(["stir the soup", "close the gripper", "turn left"])
    assert list(found) == [*MOVES, "close the gripper", "stir the soup"]
    assert len(found["close the gripper"].paraphrases) > 5
    assert sayings_of(found)["stir the soup"] == ("stir the soup",)
