"""Raters over HTTP and, where there is one, in a true browser."""

import json
import os
import shutil
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest

from twospeed.cli.app import main
from twospeed.core.errors import ConfigError, DataError
from twospeed.core.files import write_json
from twospeed.core.video import write_video
from twospeed.web.rating.answers import ASPECTS, Answers
from twospeed.web.rating.server import Rating
from twospeed.web.rating.serving import rating_served

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")


@pytest.fixture
def run(tmp_path):
    """A run of two arms in two episodes."""
    for arm in ("none", "real"):
        for seed in (1, 2):
            place = tmp_path / "episodes" / arm / f"{seed:09d}.mp4"
            write_video(place, np.full((8, 16, 16, 3), 90, np.uint8), frames_per_second=8)
            record = {"actions": ["go forward", "turn left", "go back"], "first_judged": 5}
            write_json(place.with_suffix(".json"), record | {"frames": {"scene_cuts": [0.0] * 8}})
    return tmp_path


@pytest.fixture
def address(run):
    with rating_served(Rating(run)) as place:
        yield place


def ask(place):
    with urlopen(place, timeout=20) as answer:
        return json.load(answer)


def send(place, body):
    with urlopen(Request(f"{place}answer", json.dumps(body).encode()), timeout=20) as answer:
        return json.load(answer)


def test_a_rater_gets_every_clip_once_and_no_name(address, run):
    seen = []
    while (task := ask(f"{address}next?rater=ann"))["clip"] is not None:
        assert task["actions"] == ["turn left", "go back"]
        assert set(task) == {"clip", "left", "actions"}
        seen.append(task["clip"])
        values = dict.fromkeys(ASPECTS, 0.8)
        assert send(address, {"rater": "ann", "clip": seen[-1], "values": values})["kept"]
    assert sorted(seen) == [0, 1, 2, 3]
    assert len(Answers(run / "ratings.sqlite").rows()) == 12
    with urlopen(f"{address}clip/0", timeout=20) as answer:
        assert answer.headers["content-type"] == "video/mp4"


def test_what_is_no_answer_is_refused_and_nothing_is_kept(address, run):
    fine = dict.fromkeys(ASPECTS, 0.5)
    for body in (
        {"rater": "", "clip": 0, "values": fine},
        {"rater": "ann", "clip": 99, "values": fine},
        {"rater": "ann", "clip": 0, "values": fine | {"quality": 2}},
        {"rater": "ann", "clip": 0, "values": {"quality": 1}},
        {"rater": "ann", "clip": 0},
        [1],
        {"rater": "a" * 5000, "clip": 0, "values": fine},
    ):
        with pytest.raises(HTTPError) as error:
            send(address, body)
        assert error.value.code == 400
        error.value.close()
    assert Answers(run / "ratings.sqlite").rows() == []


def test_a_page_of_a_stranger_may_not_answer(address):
    asked = Request(f"{address}answer", b"{}", headers={"origin": "http://elsewhere.example"})
    with pytest.raises(HTTPError) as error:
        urlopen(asked, timeout=20)
    assert error.value.code == 403
    error.value.close()


def test_the_summary_says_alpha_and_means(run, capsys):
    answers = Answers(run / "ratings.sqlite")
    for rater in ("ann", "bob", "cid"):
        for clip, value in (("none/000000001", 0.2), ("real/000000001", 0.9)):
            answers.put(rater, clip, dict.fromkeys(ASPECTS, value))
    summary = answers.summary()
    assert summary["quality"]["alpha"] == 1
    assert summary["quality"]["arms"]["real"]["mean"] == pytest.approx(0.9)
    assert summary["clips_with_too_few"] == 0
    assert main(["rate", str(run), "--results"]) == 0
    assert "coherence" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="from 0 to 1"):
        answers.put("ann", "none/000000001", dict.fromkeys(ASPECTS, float("nan")))


def test_a_folder_without_clips_is_one_line(tmp_path):
    with pytest.raises(DataError, match="holds no clips"):
        Rating(tmp_path)


@pytest.mark.browser
@pytest.mark.slow
def test_a_rater_in_a_true_browser(address, run):
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium, or name one in $CHROMIUM")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address)
        page.fill("#rater", "ann")
        page.click("#who button")
        for left in (4, 3, 2, 1):
            page.get_by_text(f"{left} left").wait_for()
            page.fill("#quality", "0.9")
            page.click("#answer button")
        page.get_by_text("All clips are rated").wait_for()
        browser.close()
    rows = Answers(run / "ratings.sqlite").rows()
    assert {value for _, _, aspect, value in rows if aspect == "quality"} == {0.9}
