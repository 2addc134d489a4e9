import json

import pytest

from twospeed.cli.app import main
from twospeed.core.errors import ConfigError, UnknownNameError
from twospeed.evaluation import recall
from twospeed.evaluation.protocols.base import ProtocolConfig
from twospeed.evaluation.protocols.observed_return import ARMS
from twospeed.evaluation.recall import RecallConfig
from twospeed.memory.config import GradientConfig

QUICK = [
    "--set=rank=2",
    "--set=updates_per_chunk=1",
    "--set=levels_per_update=1",
    "--set=learning_rate=0.01",
]


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny"
    model.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def report(folder):
    file = folder.parent / "report.json"
    code = main(
        [
            *("recall", str(folder), "--episodes=2", "--first-seed=500", f"--json={file}"),
            *("--routes=loop_return,replay", *QUICK),
        ]
    )
    assert code == 0
    return json.loads(file.read_text(encoding="utf-8"))


def check_interval(interval):
    assert {"mean", "low", "high"} <= set(interval)
    assert interval["mean"] is None or interval["low"] <= interval["mean"] <= interval["high"]


@pytest.mark.parametrize("kind", ["loop_return", "replay"])
def test_the_report_has_the_fixed_interface(report, kind):
    route = report["routes"][kind]
    for metric in ("psnr_db", "ssim", "landmark_recall"):
        assert set(route[metric]) == set(ARMS)
        for interval in route[metric].values():
            check_interval(interval)
    for gain in ("gain_over_{}_db", "ssim_gain_over_{}", "landmark_gain_over_{}"):
        for other in ("off", "swap"):
            check_interval(route[gain.format(other)])
    timed = report["seconds_per_chunk"]
    assert all(it[arm] > 0 for it in (timed, timed["first_visits"]) for arm in ("on", "off"))
    assert "write" in report["seconds_per_chunk"]["clock"]


def test_gains_are_differences_of_the_arms(report):
    for route in report["routes"].values():
        psnr = route["psnr_db"]
        difference = psnr["on"]["mean"] - psnr["swap"]["mean"]
        assert route["gain_over_swap_db"]["mean"] == pytest.approx(difference, abs=1e-4)


def test_every_episode_and_frame_is_kept(report):
    for route in report["routes"].values():
        assert [episode["seed"] for episode in route["per_episode"]] == [500, 501]
        for episode in route["per_episode"]:
            ages = episode["age_frames"]["psnr_db"]
            assert all(len(v) == len(ages) for v in episode["values"]["psnr_db"].values())


def test_the_curve_goes_over_the_age_of_the_memory(report):
    for route in report["routes"].values():
        edges = [point["age_frames"]["above"] for point in route["curve"]]
        assert edges == sorted(edges)
        for point in route["curve"]:
            check_interval(point["psnr_db"]["on"])


def test_provenance_says_what_the_numbers_depend_on(report, model):
    provenance = report["provenance"]
    assert provenance["model"]["hash"] == model.hash()
    assert provenance["config"]["episodes"] == 2
    assert provenance["config"]["first_seed"] == 500
    assert provenance["config"]["settings"]["memory"]["rank"] == 2
    assert provenance["hardware"]["threads"] >= 1
    assert provenance["versions"]["torch"]


def test_action_accuracy_is_reported_without_memory_and_with(report):
    off = report["action_accuracy"]
    for wording in ("canonical", "held_out"):
        check_interval(off[wording])
        check_interval(off["on"][wording])


def test_the_other_protocol_and_drift_run_from_the_command_line(folder, capsys):
    file = folder.parent / "dreamed.json"
    arguments = ["--episodes=1", "--routes=out_and_back", "--protocol=dreamed", *QUICK]
    assert main(["recall", str(folder), f"--json={file}", *arguments]) == 0
    report = json.loads(file.read_text(encoding="utf-8"))
    route = report["routes"]["out_and_back"]
    assert set(route["psnr_db"]) == {"on", "off", "swap", "frozen"}
    assert "landmark_recall" not in route
    assert "out_and_back: memory on gains" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--routes=loop_returns"],
            "is called 'loop_returns'. Did you mean 'loop_return'?",
        ),
        (["--protocol=dream"], "no protocol is called 'dream'. Did you mean 'dreamed'?"),
        (["--memory=papers"], "no memory preset is called 'papers'. Did you mean 'paper'?"),
        (["--set=rnak=2"], "Did you mean 'rank'?"),
        (["--episodes=0"], "episodes must be 1 or more, got 0"),
    ],
)
def test_a_mistake_is_one_line(folder, capsys, arguments, message):
    assert main(["recall", str(folder), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_model_that_is_not_there_is_one_line(capsys):
    assert main(["recall", "rooms-65"]) == 2
    assert "no model is called 'rooms-65'" in capsys.readouterr().err


def test_configurations_are_checked_in_code_too():
    settings = ProtocolConfig(memory=GradientConfig())
    with pytest.raises(UnknownNameError):
        RecallConfig(routes=("round",), settings=settings)
    with pytest.raises(ConfigError):
        RecallConfig(routes=(), settings=settings)


def interrupted_at(monkeypatch, module, count):
    """Let Ctrl-C come when an episode is scored, after so many."""
    real, scored = module.score, []

    def score(outcome):
        if len(scored) == count:
            raise KeyboardInterrupt
        scored.append(outcome)
        return real(outcome)

    monkeypatch.setattr(module, "score", score)


def test_ctrl_c_keeps_what_was_measured_and_the_same_command_goes_on(
    folder, report, tmp_path, monkeypatch, capsys
):
    file = tmp_path / "report.json"
    command = [
        *("recall", str(folder), "--episodes=2", "--first-seed=500", f"--json={file}"),
        *("--routes=loop_return,replay", *QUICK),
    ]
    with monkeypatch.context() as patch:
        interrupted_at(patch, recall, 3)
        assert main(command) == 130
    assert "stopped in replay after 1 of 2 episodes" in capsys.readouterr().err
    partial = json.loads(file.read_text(encoding="utf-8"))
    assert partial["partial"] == {"route": "replay", "episodes": 1, "of": 2}
    assert partial["routes"]["loop_return"] == report["routes"]["loop_return"]
    assert partial["routes"]["replay"]["episodes"] == 1
    interrupted_at(monkeypatch, recall, 2)  # both of replay, none of the route that is whole
    assert main(command) == 0
    assert json.loads(file.read_text(encoding="utf-8"))["routes"] == report["routes"]
