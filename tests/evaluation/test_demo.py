import json
import re

import numpy as np
import pytest

from twospeed.cli.app import main
from twospeed.core.video import read_frame, read_video
from twospeed.evaluation import demo
from twospeed.evaluation.demo import one_line
from twospeed.evaluation.protocols.observed_return import ARMS


@pytest.fixture(scope="module")
def shown(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    model.save_pretrained(folder / "tiny")
    quick = ("--set=rank=2", "--set=updates_per_chunk=1", "--set=levels_per_update=1")
    code = main(
        ["demo", f"--out={folder / 'out'}", f"--model={folder / 'tiny'}", "--episodes=2", *quick]
    )
    assert code == 0
    return folder / "out"


def test_the_four_files_are_there_and_nothing_half_written(shown):
    names = sorted(path.name for path in shown.iterdir())
    assert names == ["demo.mp4", "figures.json", "index.html", "sheet.png"]


def test_the_video_shows_three_panels_of_the_whole_episode(shown):
    frames = read_video(shown / "demo.mp4")
    writes = json.loads((shown / "figures.json").read_text())["route"]["per_episode"][0]
    assert len(frames) == 1 + 4 * (writes["writes"] + writes["generated_chunks"])
    assert frames.shape[2] >= 3 * 4 * 32
    assert not frames.shape[1] % 2
    assert not frames.shape[2] % 2


def test_the_sheet_has_a_row_for_truth_off_on_and_swap(shown):
    sheet = read_frame(shown / "sheet.png")
    assert sheet.shape[0] > 4 * 2 * 32
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 50


def test_the_page_holds_its_pictures_and_needs_nothing_from_elsewhere(shown):
    page = (shown / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 3
    assert 'src="demo.mp4"' in page
    assert not re.search(r"https?://", page)
    assert "$" not in page


def test_the_figures_hold_every_arm_and_their_origin(shown):
    figures = json.loads((shown / "figures.json").read_text(encoding="utf-8"))
    assert set(figures["route"]["psnr_db"]) == set(ARMS)
    assert figures["provenance"]["config"]["episodes"] == 2
    assert {one["variant"] for one in figures["route"]["per_episode"]} == {"other direction"}


def interval(mean, low, high):
    return {"mean": mean, "low": low, "high": high, "n": 4}


@pytest.mark.parametrize(
    ("off", "swap", "verdict"),
    [
        ((2, 1, 3), (1.5, 0.5, 2), "this episode's memory brings pictures nearer to the truth"),
        ((2, 1, 3), (0.1, -0.2, 0.4), "writing helps, but another episode's memory"),
        ((0.2, -1, 3), (0.1, -0.2, 0.4), "no sure effect"),
        ((-2, -3, -1), (-1, -2, -0.5), "memory does harm"),
    ],
)
def test_the_line_says_what_the_figures_show_whatever_it_is(off, swap, verdict):
    arms = {arm: interval(15, 14, 16) for arm in ("on", "off", "swap")}
    none = interval(None, None, None)
    route = {
        "psnr_db": arms,
        "landmark_recall": dict.fromkeys(arms, none),
        "gain_over_off_db": interval(*off),
        "gain_over_swap_db": interval(*swap),
        "episodes": 4,
    }
    line = one_line(route)
    assert line.startswith(verdict)
    assert "\n" not in line
    assert f"({swap[0]:+.2f} [{swap[1]:+.2f}, {swap[2]:+.2f}])" in line


def test_ctrl_c_leaves_a_page_of_the_episodes_that_are_done(model, tmp_path, monkeypatch, capsys):
    model.save_pretrained(tmp_path / "tiny")
    told, real = [], demo.run_observed_return

    def stopped(*arguments, **more):
        for outcome in real(*arguments, **more):
            if told:
                raise KeyboardInterrupt
            told.append(outcome)
            yield outcome

    monkeypatch.setattr(demo, "run_observed_return", stopped)
    quick = ("--set=rank=2", "--set=updates_per_chunk=1", "--set=levels_per_update=1")
    out = tmp_path / "out"
    command = ["demo", f"--out={out}", f"--model={tmp_path / 'tiny'}", "--episodes=2", *quick]
    assert main(command) == 130
    assert "stopped after 1 of 2 episodes" in capsys.readouterr().out
    assert len(json.loads((out / "figures.json").read_text())["route"]["per_episode"]) == 1
    assert len(list(out.iterdir())) == 4
