import json

import pytest

from twospeed.cli.app import main
from twospeed.core.errors import ConfigError, DataError, UnknownNameError
from twospeed.planning import plan as module
from twospeed.planning.arms import ARMS
from twospeed.planning.plan import measure_plans
from twospeed.planning.plan_config import PlanConfig
from twospeed.worlds.rooms.world import Rooms

FIRST = 700_000


@pytest.fixture(scope="module")
def folders(tmp_path_factory, trained):
    from twospeed.planning.inverse.learned import InverseSettings, LearnedInverseDynamics
    from twospeed.planning.inverse.networks import NetworkShape, build_network
    from twospeed.worlds.language import MOVES

    shape = NetworkShape(frames=5, frame_size=16, outputs=len(MOVES) + 1)
    settings = InverseSettings(
        network="convolution", world="rooms", commands=tuple(MOVES), shape=shape
    )
    inverse = tmp_path_factory.mktemp("inverse") / "rooms"
    LearnedInverseDynamics(build_network("convolution", shape), settings).save(inverse)
    return trained.folder, inverse


def command(folders, *more):
    model, inverse = folders
    return [
        *("plan", "retrace", f"--model={model}", f"--inverse={inverse}", "--episodes=2"),
        *(f"--first-seed={FIRST}", *more),
    ]


@pytest.fixture(scope="module")
def report(folders, tmp_path_factory):
    out = tmp_path_factory.mktemp("plan")
    file = out / "report.json"
    loop = f"--loop-model={folders[0]}"
    assert main(command(folders, f"--json={file}", f"--out={out / 'run'}", loop)) == 0
    return json.loads(file.read_text()), out / "run"


def test_the_report_holds_what_was_promised(report):
    values, _ = report
    assert set(values["arms"]) == set(ARMS)
    for arm in values["arms"].values():
        for metric in ("distance_m", "success"):
            assert arm[metric]["low"] <= arm[metric]["mean"] <= arm[metric]["high"]
    assert values["skipped_solved"] >= 0
    assert values["seconds_per_decision"] > 0
    assert values["replans"] > 0
    assert values["arms"]["undo"]["distance_m"]["mean"] == 0
    assert set(values["less_distance_m"]) == set(ARMS) - {"on"}


def test_every_episode_has_a_video_a_sheet_and_a_result(report):
    _, out = report
    results = sorted(path.stem for path in (out / "episodes").glob("*.json"))
    assert len(results) == 2 * len(ARMS)
    videos = {path.stem for path in (out / "videos").glob("*.mp4")}
    sheets = {path.stem for path in (out / "sheets").glob("*.png")}
    assert videos == sheets
    assert len({stem.split("-")[0] for stem in videos}) == 2


def test_the_page_stands_alone_and_names_every_arm_and_episode(report):
    values, out = report
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "<h1>retrace in rooms</h1>" in page
    for arm in values["arms"]:
        assert f"<td>{arm}</td>" in page
    for path in (out / "episodes").glob("*-undo.json"):
        assert f"<td>{path.stem.split('-')[0]}</td>" in page
    assert page.count("<img") == 2 * (len(ARMS) - 1)
    assert 'src="data:image/png;base64,' in page
    assert "http" not in page


def test_a_stopped_run_goes_on_with_what_it_found(report, folders, monkeypatch):
    values, out = report
    lost = sorted((out / "episodes").glob("*-off.json"))[0]
    lost.unlink()
    acted = []
    act = module._act
    monkeypatch.setattr(module, "_act", lambda *it: acted.append(it[-1]) or act(*it))
    assert main(command(folders, f"--out={out}", f"--loop-model={folders[0]}")) == 0
    assert acted == ["off"]
    again = json.loads((out / "report.json").read_text())
    assert again["arms"]["on"] == values["arms"]["on"]
    assert again["arms"]["off"]["distance_m"] == values["arms"]["off"]["distance_m"]


def mortal(monkeypatch, deaths):
    """Make rooms whose engine dies at the resets that `deaths` names, counted from 1."""
    count = [0]

    class Mortal(Rooms):
        def reset(self, seed):
            count[0] += 1
            if count[0] in deaths:
                raise OSError("the engine has ended")
            return super().reset(seed)

    monkeypatch.setattr(module, "make_world", lambda _, frame_size: Mortal(frame_size=frame_size))
    return count


def test_an_engine_that_dies_once_changes_nothing(folders, tmp_path, monkeypatch):
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    count = mortal(monkeypatch, ())
    assert main(command(folders, "--memory=undo", f"--json={files[0]}")) == 0
    mortal(monkeypatch, (1, count[0]))
    assert main(command(folders, "--memory=undo", f"--json={files[1]}")) == 0
    first, second = (json.loads(file.read_text()) for file in files)
    assert first["arms"] == second["arms"]
    assert second["arms"]["undo"]["failed"] == 0


def test_what_fails_twice_is_a_failure_in_the_table_and_tried_again(
    folders, tmp_path, monkeypatch, capsys
):
    count = mortal(monkeypatch, ())
    out, file = tmp_path / "run", tmp_path / "plan.json"
    arguments = command(folders, "--memory=undo", f"--json={file}")
    assert main(arguments) == 0
    mortal(monkeypatch, (count[0], count[0] + 1))
    assert main([*arguments, f"--out={out}"]) == 0
    arm = json.loads(file.read_text())["arms"]["undo"]
    assert (arm["failed"], arm["success"]["mean"]) == (1, 0.5)
    assert arm["distance_m"]["mean"] > 0
    assert "1 attempts failed" in capsys.readouterr().out
    assert "failed" in (out / "index.html").read_text(encoding="utf-8")
    mortal(monkeypatch, ())
    assert main([*arguments, f"--out={out}"]) == 0
    arm = json.loads(file.read_text())["arms"]["undo"]
    assert (arm["failed"], arm["distance_m"]["mean"]) == (0, 0)


def test_what_never_works_is_raised(folders, monkeypatch):
    mortal(monkeypatch, range(1, 999))
    with pytest.raises(OSError, match="the engine has ended"):
        main(command(folders, "--memory=undo"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--world=crafter"], "crafter has no truth for retrace"),
        (["--world=crafter", "--inverse=nowhere"], "crafter has no truth for retrace"),
        (["--inverse=nowhere"], "packaged for: doom, fetch, rooms; others are made by"),
        (["--world=doom"], "this model is of rooms, not of doom"),
        (["--memory=on,of"], "Did you mean 'off'"),
        (["--memory=,"], "--memory names one or more of"),
        (["--memory=loop"], "give --loop-model"),
        (["--splitter=oracle"], "no splitter is called 'oracle'"),
        (["--search=oracle"], "no search is called 'oracle'"),
        (["--splitter=chat"], "a splitter is grammar, chat:MODEL or local:FOLDER"),
        (["--splitter=local:nowhere"], "no folder of a chat model"),
        (["--episodes=0"], "episodes"),
        (["--preset=views"], "this model has no renderer"),
    ],
)
def test_what_cannot_be_is_one_line(folders, more, message, capsys):
    assert main(command(folders, *more)) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1


def test_commands_are_searched_for_as_one_asks(folders, tmp_path):
    file = tmp_path / "cem.json"
    assert main(command(folders, "--memory=off", "--search=cem", f"--json={file}")) == 0
    report = json.loads(file.read_text())
    assert report["provenance"]["config"]["search"] == "cem"
    assert report["imagined_frames"] > 0


def test_a_task_in_ones_own_words(folders, tmp_path):
    arguments = command(folders, "--memory=on,undo", f"--json={tmp_path / 'told.json'}")
    arguments[1] = "turn left, go forward twice, step right, then go back to where you started"
    assert main(arguments) == 0
    arms = json.loads((tmp_path / "told.json").read_text())["arms"]
    assert arms["undo"]["distance_m"]["mean"] < arms["on"]["distance_m"]["mean"] + 1


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("make me a sandwich", "no splitter understands 'make me a sandwich'"),
        ("go forward twice", "something to remember"),
        ("go home now", "no splitter understands"),
        ("go back home", "has commands and then"),
        ("turn left, then put the block back", "rooms has no truth for put_back: try one of fetch"),
    ],
)
def test_sentences_that_cannot_be_are_one_line(folders, told, message, capsys):
    arguments = command(folders)
    arguments[1] = told
    assert main(arguments) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1


def test_without_a_model_it_is_what_is_packaged_for_the_world(capsys):
    assert main(["plan", "retrace", "--world=fetch"]) == 2
    assert "fetch has no truth for retrace" in capsys.readouterr().err
    assert main(["plan", "retrace"]) == 2
    assert (
        "give --model, or --world with one of doom, fetch, memory_maze, rooms"
        in capsys.readouterr().err
    )


def test_another_task_is_one_line(folders, capsys):
    arguments = command(folders)
    arguments[1] = "fly"
    assert main(arguments) == 2
    assert "no task is called 'fly'" in capsys.readouterr().err


def test_a_folder_of_another_plan_is_refused(report, folders, capsys):
    _, out = report
    assert main(command(folders, f"--out={out}", "--memory=on")) == 2
    assert "holds another plan" in capsys.readouterr().err


def test_commands_of_another_world_are_refused(model, inverse):
    inverse.commands = ("grasp",)
    with pytest.raises(ConfigError, match="train inverse-dynamics"):
        measure_plans(model, inverse, PlanConfig(task="retrace", world="rooms"))


def test_too_few_episodes_are_one_line(model, inverse, monkeypatch):
    from twospeed.planning.tasks.walks import Retrace

    monkeypatch.setattr(Retrace, "begin", lambda *_, **__: None)
    with pytest.raises(DataError, match="only 0 of the 16 seeds"):
        measure_plans(model, inverse, PlanConfig(task="retrace", world="rooms", episodes=1))


def test_arms_are_named():
    with pytest.raises(UnknownNameError, match="arm"):
        PlanConfig(task="retrace", world="rooms", arms=("nothing",))


def test_a_task_in_ones_own_words_by_a_memory_of_views(viewing_model, inverse):
    viewing_model.configure(world="rooms")
    told = "turn left, go forward twice, then go back the way you came"
    config = PlanConfig(task=told, world="rooms", arms=("on", "undo"), episodes=1, first_seed=FIRST)
    arms = measure_plans(viewing_model, inverse, config)["arms"]
    assert arms["undo"]["distance_m"]["mean"] == 0
    assert arms["on"]["chunks"] > 0
