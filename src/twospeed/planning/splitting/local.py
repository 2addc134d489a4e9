"""A splitter that asks a chat model in a folder of `transformers`; nothing is fetched."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from twospeed.core.arguments import as_text
from twospeed.core.errors import DataError, require
from twospeed.core.untrusted import parsing
from twospeed.planning.splitting.base import SubGoal
from twospeed.planning.splitting.grammar import GrammarSplitter
from twospeed.planning.splitting.structured import goals_in, prompt_for
from twospeed.worldmodel.loading import load_local
from twospeed.worlds.base import Action

ATTEMPTS = 2
NEW_TOKENS = 512

_log = logging.getLogger(__name__)


class LocalSplitter:
    """Asks a local model; see `SubgoalSplitter`.

    Args:
        folder: holds the model and its tokenizer, as `transformers` saves them.
        new_tokens: most tokens of an answer.

    Raises:
        DataError: when there is no such folder, or it holds no chat model.
    """

    def __init__(self, folder: str | Path, *, new_tokens: int = NEW_TOKENS) -> None:
        if not Path(folder).is_dir():
            raise DataError(f"{folder} is no folder of a chat model")
        library = require("transformers", extra="all")
        place, safe = Path(folder), {"trust_remote_code": False}
        tokenizer, model = library.AutoTokenizer, library.AutoModelForCausalLM
        self._tokenizer: Any = load_local(tokenizer, "chat model", place, **safe)
        loaded = load_local(model, "chat model", place, use_safetensors=True, **safe)
        self._model: Any = loaded.eval()
        self.new_tokens = new_tokens

    def split(self, task: str, actions: Mapping[str, Action]) -> list[SubGoal]:
        """Return the sub-goals of a task; see `SubgoalSplitter`."""
        reason = ""
        for attempt in range(ATTEMPTS):
            try:
                return goals_in(self._ask(as_text(task, "task"), actions, attempt), actions)
            except DataError as error:
                reason = str(error)
        _log.warning("the local model gave no sub-goals (%s): the grammar splits the task", reason)
        return GrammarSplitter().split(task, actions)

    @torch.no_grad()
    def _ask(self, task: str, actions: Mapping[str, Action], attempt: int) -> str:
        messages = prompt_for(task, actions)
        if self._tokenizer.chat_template:
            text = self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True
            )
        else:
            text = "\n".join(message["content"] for message in messages) + "\n"
        tokens = self._tokenizer(text, return_tensors="pt")
        with torch.random.fork_rng(devices=[]), parsing("what the local model answers"):
            torch.manual_seed(attempt)
            made = self._model.generate(
                input_ids=tokens["input_ids"],
                attention_mask=tokens["attention_mask"],
                max_new_tokens=self.new_tokens,
                do_sample=attempt > 0,
            )
        answer: str = self._tokenizer.decode(
            made[0, tokens["input_ids"].shape[1] :], skip_special_tokens=True
        )
        return answer
