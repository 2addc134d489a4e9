"""The local splitter on a true chat model made small: its nonsense goes to the grammar."""

import logging

import pytest

from twospeed.core.errors import DataError
from twospeed.planning.splitting.base import HOME
from twospeed.planning.splitting.table import splitter_of
from twospeed.worlds.language import MOVES


@pytest.fixture
def folder(tmp_path):
    from transformers import ByT5Tokenizer, GPT2Config, GPT2LMHeadModel

    from twospeed.core.random import initial_weights_of

    tokenizer = ByT5Tokenizer()
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=4096, n_embd=8, n_layer=1, n_head=1,
        bos_token_id=1, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    with initial_weights_of(0):
        model = GPT2LMHeadModel(config)
    model.save_pretrained(tmp_path / "chat")
    tokenizer.save_pretrained(tmp_path / "chat")
    return tmp_path / "chat"


def test_nonsense_of_a_local_model_is_replaced_by_the_grammar(folder, caplog):
    splitter = splitter_of(f"local:{folder}")
    splitter.new_tokens = 4
    with caplog.at_level(logging.WARNING):
        goals = splitter.split("go back to where you started", MOVES)
    assert [goal.kind for goal in goals] == [HOME]
    assert "the grammar splits the task" in caplog.text


def test_a_folder_without_a_chat_model_is_one_line(tmp_path):
    with pytest.raises(DataError, match="no folder of a chat model"):
        splitter_of(f"local:{tmp_path / 'nowhere'}")
    with pytest.raises(DataError, match="the chat model in"):
        splitter_of(f"local:{tmp_path}")
