import pytest
import torch

from twospeed.core.errors import DataError
from twospeed.worldmodel.text import TextEncoder


def test_a_text_has_the_same_features_whatever_stands_beside_it(model):
    encoder = model.text_encoder
    alone = encoder.features(["go"]).detach()
    together = encoder.features(["go", "turn to the left, please"]).detach()[:1]
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-6)
    first = encoder.encode(["go", "turn left"])
    assert torch.equal(first, encoder.encode(["go", "turn left"]))


def test_an_encoder_survives_its_folder(model, tmp_path):
    model.text_encoder.save_pretrained(tmp_path)
    loaded = TextEncoder.from_pretrained(tmp_path)
    texts = ["", "go forward", "tourne à gauche"]
    assert torch.equal(loaded.encode(texts), model.text_encoder.encode(texts))
    assert loaded.width == model.text_encoder.width


def test_a_missing_encoder_is_one_line(tmp_path):
    with pytest.raises(DataError, match="text encoder"):
        TextEncoder.from_pretrained(tmp_path)
