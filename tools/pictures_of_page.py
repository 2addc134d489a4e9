"""Take the pictures of docs/play.md: the play page, and the page without a server, after a turn.

python tools/pictures_of_page.py docs --site DIR    (DIR: of `twospeed play rooms-64 --export DIR`)

It needs `pip install playwright` and Chromium (CHROMIUM, or the one in the path).
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from twospeed.memory.fast_weights import FastWeights
from twospeed.training.data.vocabulary import known_to
from twospeed.web.serving import served
from twospeed.web.stage import Stage
from twospeed.web.words import Words
from twospeed.worldmodel.model import WorldModel

SIZE = {"width": 1240, "height": 900}
COLOURS = 256
SITE_PORT = 8018


def until(check: Callable[[], bool]) -> None:
    """Wait until something is so, and for the screen to show it."""
    while not check():
        time.sleep(0.05)
    time.sleep(1)


def written(page: Page) -> int:
    """Return the chunks that the play page says were written."""
    return int(page.text_content("#writes") or 0)


def walk(page: Page) -> None:
    """Turn all the way round with open eyes and with closed ones, and on to the left."""
    until(lambda: page.is_enabled("#show"))
    page.click("#show")
    until(lambda: written(page) == 8)
    page.keyboard.press("ArrowLeft", delay=30)
    until(lambda: "–" not in (page.text_content("#latency") or "") and written(page) > 8)


def walk_without_server(page: Page) -> None:
    """Dream the turn that was seen."""
    until(lambda: (page.text_content("#status") or "").startswith("W A S D"))
    page.click("#show")
    until(lambda: "–" not in (page.text_content("#seconds") or ""))
    until(lambda: "dreaming" not in (page.text_content("#status") or ""))


def take(page: Page, out: Path, *, whole: bool) -> None:
    """Save what the page shows."""
    picture = Image.open(io.BytesIO(page.screenshot(full_page=whole)))
    picture.convert("RGB").quantize(COLOURS).save(out, optimize=True)


@contextmanager
def file_server(site: Path) -> Iterator[str]:
    """Serve static files; gives the address."""
    command = [sys.executable, "-m", "http.server", "-d", str(site), str(SITE_PORT)]
    server = subprocess.Popen([*command, "--bind", "127.0.0.1"])
    try:
        time.sleep(2)
        yield f"http://127.0.0.1:{SITE_PORT}/"
    finally:
        server.terminate()


def main() -> None:
    """Take both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--site", type=Path, required=True)
    given = parser.parse_args()
    model = WorldModel.from_pretrained("rooms-64")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as running,
        running.chromium.launch(executable_path=chromium, args=["--no-sandbox"]) as browser,
        file_server(given.site) as site,
    ):
        stage = Stage(
            model=model,
            words=Words(known_to(model), model.text_encoder),
            folder=Path(folder),
            first="rooms:7",
            make_memory=lambda seed: FastWeights(model, seeds=(seed,)),
        )
        with served(stage) as port:
            page = browser.new_page(viewport=SIZE)
            page.goto(f"http://127.0.0.1:{port}/")
            walk(page)
            take(page, given.out / "play.png", whole=True)
        page = browser.new_page(viewport=SIZE)
        page.goto(site)
        walk_without_server(page)
        take(page, given.out / "play-export.png", whole=False)


if __name__ == "__main__":
    main()
