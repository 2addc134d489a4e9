import json
from importlib.util import find_spec

import numpy as np
import pytest
import yaml

from twospeed.cli.app import main
from twospeed.core.errors import ConfigError, UnknownNameError
from twospeed.core.video_reading import open_video
from twospeed.evaluation.matrix.protocol import load_protocol, protocols
from twospeed.evaluation.matrix.run import MatrixConfig, run_matrix
from twospeed.evaluation.matrix.table import MEMORIES

NAMES = ("none", "last_frame", "first_frame", "lookup", "by_feature", "by_pose", "paper",
         "paper_whole_sequence")  # fmt: skip


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny"
    model.save_pretrained(path)
    return path


def run(folder, out, protocol, *memories, episodes=2):
    arguments = ["evaluate", folder, f"--protocol={protocol}", f"--memories={','.join(memories)}",
                 f"--episodes={episodes}", "--first-seed=500", f"--out={out}"]  # fmt: skip
    return main([str(it) for it in arguments])


@pytest.fixture(scope="module")
def revisit(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "revisit"
    assert run(folder, out, "revisit", *NAMES) == 0
    return out, json.loads((out / "results.json").read_text(encoding="utf-8"))


def test_the_results_have_the_fixed_interface(revisit):
    _, results = revisit
    assert set(results["memories"]) == set(NAMES)
    assert set(results["controls"]) == {"frozen", "copy", "truth"}
    for found in results["memories"].values():
        assert {"mean", "low", "high", "n"} == set(found["psnr_db"])
        assert found["psnr_db"]["n"] == 2
        assert found["seconds_per_chunk"] > 0
        assert found["bytes"] >= 0
    assert results["protocol"]["version"] == 1
    assert "model" in results["provenance"]


def test_clips_run_at_the_rate_of_the_world(revisit, model):
    out, _ = revisit
    clips = sorted((out / "episodes").glob("*/*.mp4"))
    assert len(clips) >= len(NAMES)
    rates = {open_video(clip).header.frames_per_second for clip in clips}
    assert list(rates) == [pytest.approx(model.settings.frames_per_second)]


def test_what_is_kept_is_counted(revisit):
    memories = revisit[1]["memories"]
    assert memories["none"]["bytes"] == memories["last_frame"]["bytes"] == 0
    assert memories["first_frame"]["bytes"] < memories["lookup"]["bytes"]
    assert memories["by_pose"]["bytes"] > memories["by_feature"]["bytes"]
    assert memories["paper_whole_sequence"]["bytes"] > memories["paper"]["bytes"] > 0


def test_controls_are_what_they_say(revisit):
    controls = revisit[1]["controls"]
    assert controls["frozen"]["scene_cuts"]["mean"] == 0
    assert controls["frozen"]["motion"]["mean"] == 0
    best = max(it["psnr_db"]["mean"] for it in revisit[1]["memories"].values())
    assert controls["truth"]["psnr_db"]["mean"] >= best


def test_the_report_is_one_page_that_needs_nothing_else(revisit):
    out, _ = revisit
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "http" not in page
    assert page.count("data:image/png") >= 4
    assert "a frozen frame is as good in scene_cuts" in page
    rows = (out / "results.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "arm,metric,mean,low,high,n"
    assert any(row.startswith("paper,psnr_db,") for row in rows)
    assert len(list((out / "clips").glob("paper-*.mp4"))) == 3


def test_the_results_are_entries_as_the_hub_reads_them(revisit):
    out, report = revisit
    entries = yaml.safe_load((out / ".eval_results" / "twospeed.yaml").read_text(encoding="utf-8"))
    assert {it["dataset"]["id"] for it in entries} == {"twospeed/revisit"}
    assert {it["dataset"]["task_id"] for it in entries} >= {"psnr_db", "ssim"}
    of_none = [it for it in entries if it["notes"].startswith("memory none,")]
    (psnr,) = [it["value"] for it in of_none if it["dataset"]["task_id"] == "psnr_db"]
    assert psnr == report["memories"]["none"]["psnr_db"]["mean"]
    assert report["settings"]["features"]["twospeed"]


def test_a_killed_run_goes_on_and_gives_the_same(revisit, folder):
    out, before = revisit
    done = out / "episodes" / "none" / "000000500.json"
    kept = out / "episodes" / "none" / "000000501.json"
    done.unlink()
    written = kept.stat().st_mtime_ns
    assert run(folder, out, "revisit", *NAMES) == 0
    after = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert kept.stat().st_mtime_ns == written
    assert after["memories"]["none"]["psnr_db"] == before["memories"]["none"]["psnr_db"]


@pytest.mark.slow
def test_processes_give_the_same_as_one(revisit, folder, tmp_path):
    config = MatrixConfig(
        model=str(folder),
        protocol=load_protocol("revisit"),
        memories=("none",),
        episodes=2,
        first_seed=500,
        workers=2,
    )
    found = run_matrix(config, tmp_path / "out")["memories"]["none"]["psnr_db"]
    assert found["mean"] == pytest.approx(
        revisit[1]["memories"]["none"]["psnr_db"]["mean"], abs=1e-3
    )


def test_a_folder_of_another_evaluation_is_one_line(revisit, folder, capsys):
    assert run(folder, revisit[0], "unseen", "none") == 2
    assert "another protocol" in capsys.readouterr().err


@pytest.mark.parametrize("protocol", ["next_chunk", "long_rollout", "unseen"])
def test_every_protocol_runs(folder, tmp_path, protocol):
    assert run(folder, tmp_path / "out", protocol, "none", "paper", episodes=1) == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    paper = results["memories"]["paper"]
    if protocol == "unseen":
        assert "no frame" in paper["psnr_db"]["not_computed"]
    else:
        assert np.isfinite(paper["psnr_db"]["mean"])
    assert np.isfinite(paper["frechet_twospeed"]["mean"])
    assert "gain_over_none" in paper


def test_the_list_names_protocols_memories_and_metrics(capsys):
    assert main(["evaluate", "--list"]) == 0
    said = capsys.readouterr().out
    for name in (*protocols(), *MEMORIES, "psnr_db", "frechet_twospeed"):
        assert name in said


def test_what_cannot_be_run_is_one_line(folder, tmp_path, capsys):
    for arguments in (
        [folder, "--protocol=none_such", f"--out={tmp_path}/a"],
        [folder, "--protocol=revisit", "--memories=none_such", f"--out={tmp_path}/b"],
        [folder, "--protocol=revisit"],
        [folder, folder, "--protocol=revisit", f"--out={tmp_path}/c"],
        [folder, "--protocol=revisit", "--memories=delta_rule", f"--out={tmp_path}/d"],
    ):
        assert main(["evaluate", *map(str, arguments)]) == 2
        assert capsys.readouterr().err.rstrip().splitlines()[-1].startswith("twospeed: ")


def test_a_protocol_of_ones_own_is_a_file(tmp_path):
    values = json.loads(protocols()["next_chunk"].read_text(encoding="utf-8"))
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(values | {"name": "mine", "chunks": 3}), encoding="utf-8")
    assert load_protocol(str(path)).chunks == 3
    path.write_text(json.dumps(values | {"observed": "everything"}), encoding="utf-8")
    with pytest.raises(Exception, match="observed"):
        load_protocol(str(path))
    with pytest.raises(UnknownNameError, match="protocol"):
        load_protocol("next")


def test_memories_are_different_names():
    with pytest.raises(ConfigError, match="different"):
        MatrixConfig(model="m", protocol=load_protocol("revisit"), memories=("none", "none"))


@pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_its_engine_is_one_line(folder, tmp_path, capsys):
    arguments = ["evaluate", str(folder), "--protocol=revisit", "--memories=none",
                 "--episodes=1", "--first-seed=500", "--engine=ray",
                 f"--out={tmp_path / 'out'}"]  # fmt: skip
    assert main(arguments) == 2
    assert "twospeed[cluster]" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_gives_the_same_as_one_process(revisit, folder, tmp_path):
    ray = pytest.importorskip("ray")
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        config = MatrixConfig(
            model=str(folder), protocol=load_protocol("revisit"), memories=("none",),
            episodes=2, first_seed=500, workers=2, engine="ray",
        )  # fmt: skip
        found = run_matrix(config, tmp_path / "out")["memories"]["none"]["psnr_db"]
    finally:
        ray.shutdown()
    wanted = revisit[1]["memories"]["none"]["psnr_db"]["mean"]
    assert found["mean"] == pytest.approx(wanted, abs=1e-3)


def test_an_engine_that_is_not_known_is_refused():
    with pytest.raises(UnknownNameError, match="Known: processes, ray"):
        MatrixConfig(
            model="tiny", protocol=load_protocol("revisit"), memories=("none",), engine="rays"
        )


def test_an_address_to_fetch_from_goes_with_a_checksum(tmp_path, capsys):
    assert main(["evaluate", str(tmp_path), "--fetch-i3d=http://127.0.0.1/i3d"]) == 2
    assert "go together" in capsys.readouterr().err
