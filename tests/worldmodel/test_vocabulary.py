import json

import pytest

from twospeed.core.errors import DataError
from twospeed.worldmodel.catalogue import packaged_models
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.vocabulary import FILE, KnownAction, Vocabulary, plain_text

TEA = Vocabulary(
    {
        "pour the tea, slowly": KnownAction(worlds=("tea",)),
        "öffne die Tür": KnownAction(paraphrases=("mach auf",), worlds=("haus", "tea")),
    }
)


def test_a_vocabulary_lies_in_the_model_folder(model, tmp_path):
    model.vocabulary = TEA
    model.save_pretrained(tmp_path / "m")
    loaded = WorldModel.from_pretrained(tmp_path / "m")
    assert loaded.vocabulary == TEA
    assert loaded.hash() == model.hash()
    assert TEA.worlds == ("haus", "tea")
    assert TEA.sayings() == {
        "pour the tea, slowly": "pour the tea, slowly",
        "öffne die Tür": "öffne die Tür",
        "mach auf": "öffne die Tür",
    }


def test_a_folder_from_before_has_none(model, tmp_path):
    model.save_pretrained(tmp_path / "m")
    assert not (tmp_path / "m" / FILE).exists()
    assert WorldModel.from_pretrained(tmp_path / "m").vocabulary is None


def test_what_two_know_is_known_of_both():
    more = Vocabulary({"stir": KnownAction(), "öffne die Tür": KnownAction(paraphrases=("los",))})
    both = TEA.joined(more)
    assert set(both.actions) == {*TEA.actions, "stir"}
    assert both.actions["öffne die Tür"] == KnownAction(
        paraphrases=("mach auf", "los"), worlds=("haus", "tea")
    )


def test_in_a_world_is_spoken_what_was_recorded_there_or_all_where_nothing_was():
    assert set(TEA.spoken_in("haus").actions) == {"öffne die Tür"}
    assert set(TEA.spoken_in("tea").actions) == set(TEA.actions)
    assert TEA.spoken_in("elsewhere") == TEA


def test_texts_are_compared_without_capitals_spaces_and_unicode_forms():
    assert plain_text("O\u0308ffne  die TÜR ") == plain_text("öffne die tür")


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{}", '{"actions": []}', '{"actions": {}}', '{"actions": {" ": {}}}',
        '{"actions": {"stir": []}}', '{"actions": {"stir": {"paraphrases": "x"}}}',
        '{"actions": {"stir": {"paraphrases": [1]}}}', '{"actions": {"stir": {"worlds": [null]}}}',
        '{"actions": {"stir": {"colour": "red"}}}',
    ],
)  # fmt: skip
def test_a_damaged_vocabulary_is_one_line(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(DataError, match=r"vocabulary\.json") as caught:
        Vocabulary.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_packaged_models_know_their_words():
    for name in packaged_models():
        vocabulary = WorldModel.from_pretrained(name).vocabulary
        assert "turn left" in vocabulary.actions
        assert vocabulary.sayings()["rotate left"] == "turn left"


def test_the_file_can_be_read_by_others(tmp_path):
    TEA.save(tmp_path)
    actions = json.loads((tmp_path / FILE).read_text())["actions"]
    assert actions["öffne die Tür"] == {"paraphrases": ["mach auf"], "worlds": ["haus", "tea"]}
