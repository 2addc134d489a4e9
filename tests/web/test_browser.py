"""Walking on the page in a true browser: Debian's Chromium without a window."""

import time

import pytest
from pages import decibels, pixels, settled, tap, until, writes

from twospeed.web import walks

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOCKETS = """window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...all) { super(...all); sockets.push(this); }
};"""


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
