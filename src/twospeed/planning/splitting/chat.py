"""A splitter that asks a chat endpoint: any that speaks the protocol of OpenAI's chat completions.

The base URL and the key come from the environment, ``TWOSPEED_CHAT_URL`` or ``OPENAI_BASE_URL``,
``TWOSPEED_CHAT_KEY`` or ``OPENAI_API_KEY``. The key is sent as a header and goes nowhere else: into
no message, no log, no file. An answer that is not as asked is asked for once more; then, and where
nobody answers, the grammar splits the task, with a warning.
"""

import http.client
import json
import logging
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from twospeed.core.arguments import as_text
from twospeed.core.errors import ConfigError, DataError
from twospeed.core.untrusted import parse_json
from twospeed.planning.splitting.base import SubGoal
from twospeed.planning.splitting.grammar import GrammarSplitter
from twospeed.planning.splitting.patience import within
from twospeed.planning.splitting.structured import SCHEMA, goals_in, prompt_for
from twospeed.worlds.base import Action

URL_NAMES = ("TWOSPEED_CHAT_URL", "OPENAI_BASE_URL")
KEY_NAMES = ("TWOSPEED_CHAT_KEY", "OPENAI_API_KEY")
"""Variables of the environment; the first one that is set counts."""

ATTEMPTS = 2
SECONDS = 20.0
"""For one answer, from looking up the address to the last byte read."""

MOST_BYTES = 1_000_000
"""Of an answer."""

_log = logging.getLogger(__name__)


class ChatSplitter:
    """Asks a chat model; see `SubgoalSplitter`.

    Args:
        model: its name at the endpoint.
        environment: where URL and key are; None is that of this process.
        seconds: how long one answer may take.

    Raises:
        ConfigError: when no URL is set, it is none of http or https, or no header can hold the key.
    """

    def __init__(
        self, model: str, *, environment: Mapping[str, str] | None = None, seconds: float = SECONDS
    ) -> None:
        environment = os.environ if environment is None else environment
        url = _first(environment, URL_NAMES)
        if not url:
            raise ConfigError(
                f"a chat splitter needs the base URL of an endpoint: set {URL_NAMES[0]}"
            )
        if not _is_address(url):
            raise ConfigError(f"{URL_NAMES[0]} should be a URL of http or https")
        self.model = as_text(model, "model")
        self.seconds = seconds
        self._url = url.rstrip("/") + "/chat/completions"
        self._key = _first(environment, KEY_NAMES)
        if not (self._key.isascii() and self._key.isprintable()):
            raise ConfigError(
                f"{KEY_NAMES[0]} holds what no header can: a key is one line of ASCII"
            )

    def split(self, task: str, actions: Mapping[str, Action]) -> list[SubGoal]:
        """Return the sub-goals of a task; see `SubgoalSplitter`."""
        reason = ""
        for _ in range(ATTEMPTS):
            try:
                return goals_in(self._ask(as_text(task, "task"), actions), actions)
            except DataError as error:
                reason = str(error)
        _log.warning(
            "the chat endpoint gave no sub-goals (%s): the grammar splits the task", reason
        )
        return GrammarSplitter().split(task, actions)

    def _ask(self, task: str, actions: Mapping[str, Action]) -> str:
        body = {
            "model": self.model,
            "messages": prompt_for(task, actions),
            "temperature": 0,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "sub_goals", "strict": True, "schema": SCHEMA},
            },
        }
        content = within(self.seconds, lambda: self._post(json.dumps(body).encode()))
        return _content_of(parse_json(content, "the endpoint's answer"))

    def _post(self, body: bytes) -> bytes:
        """Send a body and return the answer; the key is in no error that comes from here."""
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(self._url, body, headers, method="POST")
        opener = urllib.request.build_opener(_NoRedirect())
        try:
            with opener.open(request, timeout=self.seconds) as answer:
                return _read(answer)
        except urllib.error.HTTPError as error:
            error.close()
            raise DataError(f"it answered with status {error.code}") from None
        except DataError:
            raise
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            kind = type(error if isinstance(reason, str) else reason).__name__
            raise DataError(f"it cannot be reached: {kind}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: the key is for one address alone."""

    def redirect_request(self, *args: Any) -> None:  # noqa: ARG002
        """Refuse."""
        return


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := environment.get(name, "").strip())), "")


def _is_address(url: str) -> bool:
    try:
        return urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _read(answer: Any) -> bytes:
    """Read an answer that is not endless."""
    content: bytes = answer.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise DataError(f"its answer has more than {MOST_BYTES:,} bytes")
    return content


def _content_of(answer: Any) -> str:
    try:
        content = answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError) as error:
        raise DataError("its answer holds no message") from error
    if not isinstance(content, str):
        raise DataError("its message is no text")
    return content
