import pytest
import torch

from twospeed.training.loop import LoopConfig
from twospeed.training.text import TextRun, _say, anchors_of, held_out_accuracy, train_text_encoder
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
    nothing = torch.cdist(encoder.encode([""])[:, 0], anchors_of(7, 32))
    assert nothing.argmin() == 0


def test_no_held_out_saying_is_ever_said_in_training():
    held_out = {text for action in MOVES.values() for text in action.held_out}
    said = {text for action in MOVES.values() for text in (action.text, *action.paraphrases)}
    assert not held_out & said


def test_what_is_said_comes_from_the_sayings():
    generator = torch.Generator().manual_seed(0)
    assert _say(("",), 0.5, generator) == ""
    plain = [_say(("turn left",), 0.0, generator) for _ in range(50)]
    assert all("turn left" in text.lower() for text in plain)
    assert len(set(plain)) > 10


def test_anchors_are_fixed_and_apart():
    assert torch.equal(anchors_of(7, 16), anchors_of(7, 16))
    assert torch.pdist(anchors_of(7, 64)).min() > 5
    assert anchors_of(7, 64).var().item() == pytest.approx(1, abs=0.2)
