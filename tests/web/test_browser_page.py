"""Tabs, links, files and looks of the page in a true browser: Debian's Chromium."""

from urllib.parse import unquote_plus

import numpy as np
import pytest
from pages import pixels, settled, tap, until

from twospeed.core.pictures import write_picture

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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
