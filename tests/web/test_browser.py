"""The page in a true browser: Debian's Chromium without a window, driven by Playwright."""

import os
import shutil
import time
from urllib.parse import unquote_plus

import numpy as np
import pytest

from twospeed.core.pictures import write_picture
from twospeed.memory.fast_weights import FastWeights
from twospeed.web import walks
from twospeed.web.serving import served
from twospeed.web.stage import Stage
from twospeed.web.words import Words
from twospeed.worldmodel.model import WorldModel

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
PIXELS = """pane => {
  const canvas = document.querySelector(`[data-pane=${pane}] .screen canvas`);
  return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
}"""

SOCKETS = """window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...all) { super(...all); sockets.push(this); }
};"""


@pytest.fixture(scope="module")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium, or name one in $CHROMIUM")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def rooms():
    return WorldModel.from_pretrained("rooms-64")


@pytest.fixture
def address(rooms, tmp_path):
    stage = Stage(
        model=rooms,
        words=Words(rooms.vocabulary, rooms.text_encoder),
        folder=tmp_path / "play",
        first="rooms:7",
        make_memory=lambda seed: FastWeights(rooms, seeds=(seed,)),
    )
    with served(stage) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def open_page(chromium, address):
    """Return a function that opens a tab and waits for its first picture."""
    pages, complaints = [], []

    def opened(fragment="", init="", **options):
        page = chromium.new_page(**options)
        page.add_init_script(init)
        pages.append(page)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda it: complaints.append(it.text) if it.type == "error" else None)
        page.on("request", lambda it: is_ours(it.url))
        page.goto(address + fragment)
        until(lambda: "rooms:7" in page.text_content("#place"))
        until(lambda: any(page.evaluate(PIXELS, "plain")[::4]))
        return page

    def is_ours(url):
        if not url.startswith((address, "blob:", "data:")):
            complaints.append(f"asked elsewhere: {url}")

    yield opened
    for page in pages:
        page.close()
    assert complaints == []


def until(check, *, seconds=240):
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def writes(page):
    return int(page.text_content("#writes"))


def pixels(page):
    return {name: page.evaluate(PIXELS, name) for name in ("memory", "plain", "truth")}


def settled(page, count):
    """Wait for so many writes and for their last frame to be on the screen."""
    until(lambda: writes(page) == count)
    shown = None
    while shown != (shown := pixels(page)):
        time.sleep(1.5)
    return shown


def decibels(page, pane):
    return float(page.text_content(f"[data-pane={pane}] .psnr").removesuffix(" dB"))


def tap(page, key):
    page.keyboard.down(key)
    page.keyboard.up(key)


def test_keys_move_the_picture_and_the_figures(open_page):
    page = open_page()
    before = pixels(page)
    tap(page, "ArrowLeft")
    after = settled(page, 1)
    assert all(before[name] != after[name] for name in before)
    assert page.text_content("#led") == "turn left"
    assert page.text_content("#latency").endswith(" s")
    page.fill("#words", "look over to the right")
    page.press("#words", "Enter")
    settled(page, 2)
    assert page.locator("#log tr").count() == 2
    page.click("[data-text='go forward'] >> nth=0")
    settled(page, 3)


def test_a_held_key_walks_on_and_a_paused_one_does_a_step(open_page):
    page = open_page()
    page.keyboard.down("w")
    until(lambda: writes(page) >= 3)
    page.keyboard.up("w")
    time.sleep(3)
    count = writes(page)
    page.click("#pause")
    page.keyboard.down("w")
    settled(page, count + 1)
    page.keyboard.up("w")
    page.click("#step")
    settled(page, count + 2)


def test_on_a_full_turn_the_memory_pane_beats_the_other(open_page):
    page = open_page()
    page.click("#show")
    settled(page, 8)
    assert decibels(page, "memory") > decibels(page, "plain") + 8
    assert page.evaluate("document.getElementById('familiar').value") > 0.85
    assert page.text_content("#age") == "4 writes"


def test_undo_brings_the_old_picture_back_bit_for_bit(open_page):
    page = open_page()
    tap(page, "ArrowLeft")
    before = settled(page, 1)
    tap(page, "w")
    after = settled(page, 2)
    assert before != after
    page.keyboard.press("u")
    assert settled(page, 1) == before
    tap(page, "w")
    assert settled(page, 2) == after


def test_save_reload_and_go_on(open_page):
    page = open_page()
    tap(page, "ArrowLeft")
    settled(page, 1)
    page.fill("#save-name", "here")
    page.press("#save-name", "Enter")
    until(lambda: "saved as here" in page.text_content("#status"))
    tap(page, "w")
    expected = settled(page, 2)
    page.reload()
    until(lambda: page.locator("#saves option").count() == 1 and writes(page) == 0)
    page.select_option("#saves", "here")
    page.click("#load button")
    settled(page, 1)
    tap(page, "w")
    assert settled(page, 2) == expected


def test_a_connection_that_breaks_comes_back_and_the_walk_goes_on(open_page, monkeypatch):
    page = open_page(init=SOCKETS)
    tap(page, "ArrowLeft")
    before = settled(page, 1)
    page.evaluate("sockets.at(-1).close(4000)")
    until(lambda: "broke: trying again" in page.text_content("#status"))
    until(lambda: "the walk goes on" in page.text_content("#status"))
    assert settled(page, 1) == before
    tap(page, "w")
    settled(page, 2)
    page.keyboard.press("u")
    assert settled(page, 1) == before
    monkeypatch.setattr(walks, "KEPT_SECONDS", 0)
    page.evaluate("sockets.at(-1).close(4000)")
    until(lambda: "no longer there" in page.text_content("#status"))
    settled(page, 0)
    tap(page, "w")
    settled(page, 1)


def test_two_tabs_do_not_mix_and_a_fork_goes_its_own_way(open_page):
    page, other = open_page(), open_page()
    tap(page, "ArrowLeft")
    tap(other, "d")
    mine, theirs = settled(page, 1), settled(other, 1)
    assert mine["truth"] != theirs["truth"]
    assert pixels(page) == mine
    with page.expect_popup() as popup:
        page.click("#fork")
    fork = popup.value
    fork.wait_for_url("**/#load=fork-*")
    assert settled(fork, 1) == mine
    tap(fork, "s")
    settled(fork, 2)
    assert pixels(page) == mine
    fork.close()


def test_a_replay_link_walks_the_same_way_again(open_page):
    page = open_page()
    tap(page, "ArrowLeft")
    settled(page, 1)
    tap(page, "w")
    expected = settled(page, 2)
    page.click("#link")
    until(lambda: page.locator("#recorded a").count())
    link = page.get_attribute("#recorded a", "href")
    assert "turn left, go forward" in unquote_plus(link)
    again = open_page("#" + link.partition("#")[2])
    assert settled(again, 2) == expected


def test_what_is_too_large_or_no_picture_is_said_on_the_page(open_page, tmp_path):
    page = open_page()
    (tmp_path / "large.png").write_bytes(b"\0" * (33 * 2**20))
    page.set_input_files("#seen", tmp_path / "large.png")
    until(lambda: "more than 32 megabytes" in page.text_content("#status"))
    tap(page, "ArrowLeft")
    settled(page, 1)


def test_a_picture_of_ones_own_is_learned_and_the_true_world_fades(open_page, tmp_path):
    page = open_page()
    write_picture(tmp_path / "own.png", np.full((80, 100, 3), (40, 90, 200), np.uint8))
    page.set_input_files("#seen", tmp_path / "own.png")
    shown = settled(page, 1)
    assert shown["memory"][:4] == [40, 90, 200, 255]
    assert page.locator("[data-pane=truth].lost").count() == 1
    assert page.is_disabled("[data-eyes=look]")
    tap(page, "w")
    settled(page, 2)
    page.keyboard.press("u")
    settled(page, 1)
    page.keyboard.press("u")
    settled(page, 0)
    assert page.locator("[data-pane=truth].lost").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_400_pixels_and_every_control_has_a_name(open_page, scheme):
    page = open_page(viewport={"width": 400, "height": 800}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, a")].filter((it) =>
          !it.textContent.trim() && !it.labels?.length && !it.getAttribute("aria-label")).length"""
    )
    assert nameless == 0
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
