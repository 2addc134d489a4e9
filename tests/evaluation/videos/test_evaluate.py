import json

import numpy as np
import pytest
from PIL import Image

from twospeed.cli.app import main
from twospeed.core.errors import DataError
from twospeed.core.video import write_video
from twospeed.evaluation.videos.controls import controls_of
from twospeed.evaluation.videos.evaluate import VideoConfig, evaluate_videos
from twospeed.evaluation.videos.summary import METRICS


def clip(seed, frames=12, size=32):
    cells = np.random.default_rng(seed).integers(0, 200, (1, 4, 4, 3), dtype=np.uint8)
    still = cells.repeat(size // 4, 1).repeat(size // 4, 2)
    return np.concatenate([np.roll(still, step, axis=2) for step in range(frames)])


@pytest.fixture
def folders(tmp_path):
    """Two folders of three lossless clips each; the second is 10 grey levels brighter."""
    for seed in range(3):
        write_video(tmp_path / "real" / f"{seed}.mkv", clip(seed), frames_per_second=8)
        write_video(tmp_path / "fake" / f"{seed}.mkv", clip(seed) + 10, frames_per_second=8)
    return tmp_path / "real", tmp_path / "fake"


@pytest.fixture
def judged(tmp_path, capsys):
    """Run the command and return its report and what it said."""

    def run(*arguments):
        file = tmp_path / "report.json"
        assert main(["evaluate", *map(str, arguments), f"--json={file}"]) == 0
        return json.loads(file.read_text(encoding="utf-8")), capsys.readouterr().err

    return run


def test_an_offset_of_ten_grey_levels_is_28_dB(folders, judged):
    report, said = judged(*folders)
    metrics = report["metrics"]
    assert set(metrics) == set(METRICS)
    assert metrics["psnr_db"] == {"mean": 28.1308, "low": 28.1308, "high": 28.1308, "n": 3}
    assert set(report["controls"]) == {"frozen", "copy", "truth"}
    assert report["controls"]["truth"]["ssim"]["mean"] == 1
    assert report["controls"]["frozen"]["psnr_db"]["mean"] < metrics["psnr_db"]["mean"]
    assert report["controls"]["frozen"]["motion"]["mean"] == 0
    assert len(report["clips"]["0"]["frames"]["psnr_db"]) == 12
    assert "3 clips are few" in said
    assert report["settings"]["scene_cuts"]["threshold"] == 27


def test_equal_clips_have_ssim_one_and_distance_zero(folders, judged):
    for real in (folders[0], folders[0] / "0.mkv"):
        metrics = judged(real, real)[0]["metrics"]
        assert metrics["ssim"]["mean"] == 1
        assert metrics["frechet_twospeed"]["mean"] == pytest.approx(0, abs=1e-5)
        assert metrics["kernel_twospeed"] == {
            "mean": 0,
            "low": 0,
            "high": 0,
            "n": metrics["ssim"]["n"],
        }


def test_networks_without_weights_say_so_and_nothing_stands_in(folders, judged, tmp_path):
    metrics = judged(*folders, f"--weights={tmp_path}")[0]["metrics"]
    for name in ("lpips", "fvd_i3d", "src"):
        assert "missing" in metrics[name]["not_computed"]
        assert "mean" not in metrics[name]


def test_a_folder_alone_is_judged_by_what_needs_no_truth(folders, judged):
    report = judged(folders[1], "--out-and-back")[0]
    assert report["controls"] == {}
    assert "no truth" in report["metrics"]["psnr_db"]["not_computed"]
    assert report["metrics"]["scene_cuts"]["mean"] == 0
    assert report["metrics"]["src_twospeed"]["n"] == 3


def test_a_return_in_the_truth_gives_consistency_at_revisits(tmp_path, judged):
    there = clip(0, 8)
    write_video(tmp_path / "a.mkv", np.concatenate([there, there[::-1]]), frames_per_second=8)
    report, said = judged(tmp_path / "a.mkv", tmp_path / "a.mkv")
    assert report["metrics"]["src_twospeed"]["mean"] == pytest.approx(1, abs=0.05)
    assert "a frozen frame is as good in src_twospeed" in said


def test_each_thing_that_is_not_as_it_should_be_is_one_line_and_the_others_are_scored(
    folders, judged
):
    real, fake = folders
    write_video(real / "longer.mkv", clip(5, 14), frames_per_second=8)
    write_video(fake / "longer.mkv", clip(5, 12), frames_per_second=8)
    write_video(real / "larger.mkv", clip(6), frames_per_second=8)
    write_video(fake / "larger.mkv", clip(6, size=64), frames_per_second=8)
    write_video(real / "slower.mkv", clip(7), frames_per_second=30)
    write_video(fake / "slower.mkv", clip(7), frames_per_second=1)
    write_video(real / "single.mkv", clip(8, 1), frames_per_second=8)
    write_video(fake / "single.mkv", clip(8, 1), frames_per_second=8)
    write_video(real / "broken.mp4", clip(9), frames_per_second=8)
    (fake / "broken.mp4").write_bytes((real / "broken.mp4").read_bytes()[:300])
    write_video(fake / "alone.mkv", clip(10), frames_per_second=8)
    report, said = judged(real, fake)
    assert report["metrics"]["psnr_db"]["n"] == 3
    for name in ("longer", "larger", "slower", "single", "broken", "alone"):
        assert sum(f"{name}." in line for line in report["problems"]) == 1, name
        assert len([line for line in said.splitlines() if f"{name}." in line]) == 1, name


def test_all_forms_of_a_clip_are_read(tmp_path, judged):
    frames, real, fake = clip(0), tmp_path / "real", tmp_path / "fake"
    for name in ("npz", "float", "pictures", "gif"):
        write_video(real / f"{name}.mkv", frames, frames_per_second=10)
    fake.mkdir()
    np.savez(fake / "npz.npz", frames=frames)
    np.savez(fake / "float.npz", video=frames.astype(np.float32) / 255)
    (fake / "pictures").mkdir()
    for index, frame in enumerate(frames):
        Image.fromarray(frame).save(fake / "pictures" / f"{index}.png")
    pictures = [Image.fromarray(frame) for frame in frames]
    pictures[0].save(fake / "gif.gif", save_all=True, append_images=pictures[1:], duration=100)
    clips = judged(real, fake)[0]["clips"]
    assert set(clips) == {"npz", "float", "pictures", "gif"}
    for name in ("npz", "float", "pictures"):
        assert clips[name]["values"]["psnr_db"] == pytest.approx(48.1308)
    assert clips["gif"]["values"]["psnr_db"] > 25


def test_ten_bits_are_a_note_and_are_scored(tmp_path, judged):
    av = pytest.importorskip("av")
    for folder in ("real", "fake"):
        (tmp_path / folder).mkdir()
    with av.open(str(tmp_path / "fake" / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=8)
        stream.height = stream.width = 32
        stream.pix_fmt = "yuv420p10le"
        for frame in clip(0):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    write_video(tmp_path / "real" / "a.mkv", clip(0), frames_per_second=8)
    report, said = judged(tmp_path / "real", tmp_path / "fake")
    assert report["metrics"]["psnr_db"]["n"] == 1
    assert "a.mkv: 10 bits a channel, brought to 8" in said


def test_what_cannot_be_scored_at_all_is_one_line(tmp_path, folders, capsys):
    (tmp_path / "empty").mkdir()
    for arguments in (
        [folders[0], tmp_path / "empty"],
        [tmp_path / "none"],
        [folders[0], tmp_path / "none", tmp_path],
        [],
        [folders[0], "--autoencoder=rooms-64"],
        [*folders, "--autoencoder=rooms-65"],
        [*folders, f"--out={tmp_path / 'out'}"],
        [*folders, "--export=mind"],
        ["rooms-64", "--protocol=revisit", "--autoencoder=rooms-64"],
        ["rooms-64", "--table=paper_1", "--protocol=revisit"],
    ):
        assert main(["evaluate", *map(str, arguments)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_names_that_never_pair_are_one_line(tmp_path, folders):
    for name in ("x", "y"):
        write_video(tmp_path / "other" / f"{name}.mkv", clip(0), frames_per_second=8)
    with pytest.raises(DataError, match="paired by name"):
        evaluate_videos(folders[0], tmp_path / "other", VideoConfig(), say=lambda _: None)


def test_controls_have_the_shape_of_the_truth():
    true = clip(0, 10)
    made = controls_of(true, 4)
    assert all(it.shape == true.shape for it in made.values())
    assert (made["copy"][4:8] == true[:4]).all()


def test_the_ceiling_of_distances_is_one_half_of_the_truth_against_the_other(folders, judged):
    for seed in range(3, 6):
        for folder in folders:
            write_video(folder / f"{seed}.mkv", clip(seed), frames_per_second=8)
    truth = judged(*folders)[0]["controls"]["truth"]
    for name in ("frechet_twospeed", "kernel_twospeed"):
        assert truth[name]["n"] == 3
        assert np.isfinite(truth[name]["mean"])
    assert truth["frechet_twospeed"]["mean"] > 0


def test_one_true_clip_has_no_halves(folders, judged):
    truth = judged(*(folder / "0.mkv" for folder in folders))[0]["controls"]["truth"]
    assert truth["psnr_db"]["mean"] == pytest.approx(48.13, abs=0.01)
    assert "two samples or more" in truth["frechet_twospeed"]["not_computed"]


def test_the_list_names_metrics(capsys):
    assert main(["evaluate", "--list"]) == 0
    assert "frechet_twospeed" in capsys.readouterr().out


def test_the_truth_through_an_autoencoder_is_a_control_with_a_line_for_each_of_another_size(
    tmp_path, judged, trained
):
    for seed in range(3):
        size = 32 if seed == 2 else 16
        for folder in ("real", "fake"):
            place = tmp_path / folder / f"{seed}.mkv"
            write_video(place, clip(seed, size=size), frames_per_second=8)
    report, said = judged(tmp_path / "real", tmp_path / "fake", f"--autoencoder={trained.folder}")
    found = report["controls"]["coded"]
    assert found["psnr_db"]["n"] == 2
    assert 5 < found["psnr_db"]["mean"] < 48
    assert found["ssim"]["mean"] < 1
    assert found["frechet_twospeed"]["mean"] > 0
    assert set(report["control_clips"]["coded"]) == {"0", "1"}
    assert report["autoencoder"]["hash"]
    assert report["metrics"]["psnr_db"]["n"] == 3
    lines = [line for line in said.splitlines() if "not coded" in line]
    assert len(lines) == 1
    assert "2.mkv" in lines[0]
    assert "16x16 pixels, got 32x32" in lines[0]
