import json
import shutil

import pytest
import torch

from twospeed.cli.app import main
from twospeed.core.config import override
from twospeed.core.errors import ConfigError, DataError
from twospeed.memory.files import load_memory
from twospeed.planning.consolidation.config import SlowFastRun
from twospeed.planning.consolidation.consolidate import consolidate
from twospeed.training.consolidation.lessons import ENDING, lessons_in
from twospeed.worldmodel.model import WorldModel

FIRST = 700_000
SMALL = (
    "matrix.episodes=2", "matrix.chunks=3", "learning.loop.warmup_steps=1", "halvings=2",
    "learning.held_out_every=2", "learning.episodes=2", "learning.steps_per_round=2",
    "learning.loop.ema_decay=0.5",
)  # fmt: skip


@pytest.fixture(scope="module")
def memories(trained, tmp_path_factory):
    from twospeed.planning.inverse.learned import InverseSettings, LearnedInverseDynamics
    from twospeed.planning.inverse.networks import NetworkShape, build_network
    from twospeed.worlds.language import MOVES

    shape = NetworkShape(frames=5, frame_size=16, outputs=len(MOVES) + 1)
    settings = InverseSettings(
        network="convolution", world="rooms", commands=tuple(MOVES), shape=shape
    )
    inverse = tmp_path_factory.mktemp("inverse") / "rooms"
    LearnedInverseDynamics(build_network("convolution", shape), settings).save(inverse)
    folder = tmp_path_factory.mktemp("kept") / "memories"
    command = ["plan", "retrace", f"--model={trained.folder}", f"--inverse={inverse}"]
    command += ["--episodes=3", f"--first-seed={FIRST}", "--memory=undo", "--preset=associative"]
    assert main([*command, "--no-replay", f"--keep-memories={folder}"]) == 0
    return folder


def command(trained, memories, out, *more, skills='["loss"]'):
    sets = [f"--set={it}" for it in (*SMALL, f"matrix.skills={skills}")]
    return [
        *("consolidate", str(trained.folder), f"--memories={memories}", f"--out={out}"),
        *(*sets, *more),
    ]


@pytest.fixture(scope="module")
def gentle(trained, memories, tmp_path_factory):
    out = tmp_path_factory.mktemp("gentle") / "model"
    skills = '["loss", "obeyed", "recall", "retrace", "put_back"]'
    more = ("--steps=4", "--learning-rate=1e-5", f"--json={out}.json")
    more += ("--set=matrix.recall_episodes=1",)
    assert main(command(trained, memories, out, *more, skills=skills)) == 0
    return out, json.loads(out.with_name("model.json").read_text())


def test_a_kept_memory_is_a_lesson_of_walk_and_way_back(trained, memories):
    model = WorldModel.from_pretrained(trained.folder)
    lessons = lessons_in(memories, model)
    assert len(lessons) == 3
    for lesson in lessons:
        walked, asked = lesson.notes.written, lesson.later
        assert len(asked) == walked + 2
        assert set(lesson.notes.actions[walked:]) == {"go back the way you came"}
        latents = torch.from_numpy(lesson.episode.latents_TCHW).float()
        turned = 4 * walked
        assert torch.equal(latents[: turned + 1], latents[turned : 2 * turned + 1].flip(0))
        assert load_memory(lesson.path).model_hash == model.hash()


def test_gentle_learning_is_kept_and_reported(gentle, trained):
    out, report = gentle
    assert report["verdict"] == "kept"
    assert report["share"] == 1
    rows = {row["skill"]: row for row in report["matrix"]}
    assert list(rows) == ["loss", "obeyed", "recall", "retrace", "put_back"]
    assert rows["put_back"]["missing"] == "no such task is set there"
    assert rows["retrace"]["missing"] == "its inverse dynamics read frames of 64 pixels"
    assert all(rows[it]["kept"] for it in ("loss", "obeyed", "recall"))
    assert len(report["lessons"]["learned_from"]) == 2
    assert len(report["lessons"]["held_out"]) == 1
    old, new = (WorldModel.from_pretrained(it) for it in (trained.folder, out))
    assert old.hash() != new.hash() == report["provenance"]["model"]["hash"]
    page = (out.with_name("model.run") / "index.html").read_text(encoding="utf-8")
    assert all(digest in page for digest in report["lessons"]["sha256"].values())
    assert "break no bound" in page
    assert "<td>loss, rooms (mean squared error)</td>" in page


def test_memories_of_another_model_are_refused(gentle, memories):
    with pytest.raises(DataError, match="belongs to slow weights"):
        lessons_in(memories, WorldModel.from_pretrained(gentle[0]))


def test_a_destructive_setting_is_rolled_back(trained, memories, tmp_path):
    out = tmp_path / "model"
    assert main(command(trained, memories, out, "--steps=6", "--learning-rate=3")) == 0
    report = json.loads((tmp_path / "model.run" / "report.json").read_text())
    first = report["tried"][0]
    assert (first["share"], first["kept"], first["broken"]) == (1.0, False, ["loss, rooms"])
    assert report["verdict"] in {"rolled back", "blended"}
    assert report["share"] <= 0.75
    assert all(row["kept"] for row in report["matrix"])
    if report["share"] == 0:
        models = [WorldModel.from_pretrained(it) for it in (trained.folder, out)]
        assert models[0].hash() == models[1].hash()


def test_the_closed_form_changes_the_recall_layer_alone(trained, memories, tmp_path):
    out = tmp_path / "model"
    assert main(command(trained, memories, out, "--how=closed")) == 0
    states = [WorldModel.from_pretrained(it).denoiser.state_dict() for it in (trained.folder, out)]
    moved = [name for name in states[0] if not torch.equal(states[0][name], states[1][name])]
    report = json.loads((tmp_path / "model.run" / "report.json").read_text())
    assert report["share"] > 0
    assert moved == ["recall.layer.weight"]


def test_a_run_that_was_stopped_goes_on(trained, memories, tmp_path, monkeypatch):
    model = WorldModel.from_pretrained(trained.folder)
    config = override(SlowFastRun(), *SMALL, 'matrix.skills=["loss"]', "learning.loop.steps=2")
    from twospeed.planning.consolidation import consolidate as module

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "report_of", killed)
    with pytest.raises(KeyboardInterrupt):
        consolidate(model, memories, tmp_path / "model", config)
    monkeypatch.undo()
    assert not (tmp_path / "model").exists()
    found = {it: it.read_bytes() for it in (tmp_path / "model.run").glob("measured/*.json")}
    assert len(found) == 2
    monkeypatch.setattr(module, "run_loop", killed)  # what was learned is there
    monkeypatch.setattr(module, "measure", killed)  # what was measured, too
    again = WorldModel.from_pretrained(trained.folder)
    report = consolidate(again, memories, tmp_path / "model", config)
    assert report["verdict"] == "kept"
    assert (tmp_path / "model").is_dir()
    assert all(path.read_bytes() == before for path, before in found.items())


def torn(folder):
    path = next(folder.glob(f"*{ENDING}"))
    path.write_bytes(path.read_bytes()[:1000])


def alone(folder):
    for path in list(folder.glob(f"*{ENDING}"))[1:]:
        path.unlink()


def empty(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def without_weights(folder):
    (next(folder.glob(f"*{ENDING}")).with_name(f"{FIRST}") / "adapter_model.safetensors").unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (empty, "holds no memory with its episode"),
        (torn, "cannot read"),
        (alone, "consolidation needs two memories or more"),
        (without_weights, "there is no such file"),
    ],
)
def test_memories_that_cannot_be_learned_from_are_one_line(
    damage, message, trained, memories, tmp_path, capsys
):
    folder = tmp_path / "memories"
    shutil.copytree(memories, folder)
    damage(folder)
    assert main(command(trained, folder, tmp_path / "model")) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1
    assert not list(tmp_path.glob("model*"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--how=magic"], "no way to consolidate is called 'magic'"),
        (["--steps=-1"], "0 or more"),
        (["--set=matrix.bounds.loss=-0.1"], "0 or more"),
        (['--set=matrix.worlds=["mars"]'], "no world is called 'mars'"),
        (["--set=matrix.first_seed=800000"], "for testing"),
        (["--set=learning.without_memory=0.9"], "together 1 or less"),
        (["--minutes=-1"], "above 0"),
    ],
)
def test_settings_that_cannot_be_are_one_line(more, message, trained, memories, tmp_path, capsys):
    assert main(command(trained, memories, tmp_path / "model", *more)) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_there_is_not_replaced(trained, memories, gentle, capsys):
    assert main(command(trained, memories, gentle[0])) == 2
    assert "is there already" in capsys.readouterr().err


def test_views_are_not_kept(viewing_model):
    from twospeed.memory.presets import default
    from twospeed.training.consolidation.lessons import check_acts

    with pytest.raises(ConfigError, match="no weights that the denoiser could learn beside"):
        check_acts(viewing_model, default(viewing_model))
