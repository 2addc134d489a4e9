"""Weights of others, fetched once from an address and kept only when their checksum is right."""

import hashlib
import http.client
import string
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from twospeed.core.errors import ConfigError, DataError
from twospeed.core.fields import shown
from twospeed.core.files import sha256_of, written_aside

MOST_BYTES = 4 * 2**30
"""More than this is no file of weights that is judged by here."""

_SECONDS = 60.0  # of silence
_BLOCK = 2**20
_WEB = ("https://", "http://")


def fetch_weights(address: str, place: Path, *, sha256: str) -> None:
    """Fetch a file to `place`, unless it lies there already.

    Nothing is left at `place` unless all of it came and its checksum is right.

    Args:
        address: http:// or https://.
        place: the file.
        sha256: 64 hexadecimal digits of what must come.

    Raises:
        ConfigError: when the address or the checksum is none.
        DataError: when it cannot be fetched, or another file lies there or comes.
    """
    wanted = sha256.lower()
    if len(wanted) != 64 or not set(wanted) <= set(string.hexdigits):
        raise ConfigError(f"a SHA-256 has 64 hexadecimal digits, got {shown(sha256)}")
    if not address.startswith(_WEB):
        raise ConfigError(f"fetch from http:// or https://, got {shown(address)}")
    if place.exists():
        _check(sha256_of(place), wanted, f"{place} is there and is another file")
        return
    with written_aside(place) as aside:
        _check(_load(address, aside), wanted, f"{shown(address)} gave another file")


class _WebAlone(urllib.request.HTTPRedirectHandler):
    """Goes on to addresses of the web alone."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: Any,
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the request that follows, or raise what a failed fetch does."""
        if not newurl.startswith(_WEB):
            raise urllib.error.URLError("it leads out of the web")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check(found: str, wanted: str, what: str) -> None:
    if found != wanted:
        raise DataError(f"{what}: its SHA-256 is {found}, wanted {wanted}")


def _load(address: str, place: Path) -> str:
    """Write what the address gives to `place` and return its SHA-256."""
    try:
        with (
            urllib.request.build_opener(_WebAlone()).open(address, timeout=_SECONDS) as answer,
            place.open("wb") as file,
        ):
            return _copy(answer, file, address)
    except urllib.error.HTTPError as error:
        raise DataError(f"{shown(address)} answered with status {error.code}") from None
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as bad:
        kind = type(getattr(bad, "reason", bad)).__name__
        raise DataError(f"{shown(address)} cannot be fetched: {kind}") from None


def _copy(answer: Any, file: Any, address: str) -> str:
    found, total = hashlib.sha256(), 0
    promised = answer.headers.get("Content-Length", "")
    while block := answer.read(_BLOCK):
        total += len(block)
        if total > MOST_BYTES:
            raise DataError(f"{shown(address)} gives more than {MOST_BYTES} bytes")
        found.update(block)
        file.write(block)
    if promised.isdecimal() and total != int(promised):
        raise DataError(f"{shown(address)} broke off after {total} of {promised} bytes")
    return found.hexdigest()
