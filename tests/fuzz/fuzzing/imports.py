"""Recordings of other formats, changed at random."""

import shutil

import h5py
import numpy as np

from fuzzing.cases import FRAMES, Case
from fuzzing.samples import episodes
from twospeed.core.files import write_json
from twospeed.core.video import write_video
from twospeed.data.exporters.lerobot import export_lerobot
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.run import import_recordings
from twospeed.data.index import write_index
from twospeed.data.shards import write_shard


class Imports(Case):
    """One format of recordings."""

    format = "videos"

    def read(self, folder):
        config = ImportConfig(
            format=self.format, name="it", frame_size=16, frames_per_second=4.0, chunk_frames=2
        )
        import_recordings(config, folder / "in", folder / "out")


class Videos(Imports):
    files = "in/*.csv"

    def write(self, folder):
        source = folder / "in"
        write_video(source / "a.mp4", np.repeat(FRAMES, 3, axis=0), frames_per_second=8)
        (source / "rows.csv").write_text(
            'video,start,end,action\na.mp4,0,1.5,"turn left, slowly"\na.mp4,1.5,3,go forward\n'
        )


class LinesOfVideos(Videos):
    files = "in/*.jsonl"

    def write(self, folder):
        super().write(folder)
        (folder / "in" / "rows.csv").unlink()
        (folder / "in" / "rows.jsonl").write_text(
            '{"video": "a.mp4", "start": 0, "end": 1.5, "action": "turn left"}\n'
            '{"video": "a.mp4", "start": 1.5, "end": 3.0, "action": "go"}\n'
        )


class DamagedVideos(Videos):
    files = "in/*.mp4"


class Kitchens(Videos):
    format = "epic-kitchens"

    def write(self, folder):
        super().write(folder)
        (folder / "in" / "rows.csv").unlink()
        (folder / "in" / "a.mp4").rename(folder / "in" / "P01_01.mp4")
        (folder / "in" / "EPIC_100_train.csv").write_text(
            "narration_id,participant_id,video_id,start_timestamp,stop_timestamp,narration\n"
            "P01_01_0,P01,P01_01,00:00:00.00,00:00:01.50,open door\n"
            "P01_01_1,P01,P01_01,00:00:01.50,00:00:03.00,close door\n"
        )


class LeRobots(Imports):
    format = "lerobot"

    def write(self, folder):
        shards = folder / "shards"
        shards.mkdir()
        write_shard(shards / "a.tar", episodes())
        write_index(shards)
        export_lerobot(shards, folder / "in")
        shutil.rmtree(shards)


class Minaris(Imports):
    format = "gymnasium"

    def write(self, folder):
        path = folder / "in" / "data" / "main_data.hdf5"
        path.parent.mkdir(parents=True)
        with h5py.File(path, "w") as file:
            group = file.create_group("episode_0")
            group.create_dataset("observations/image", data=FRAMES)
            group.create_dataset("actions", data=np.array([0, 0, 1, 1, 2, 2, 0, 1]))
        write_json(folder / "in" / "actions.json", {"0": "stay", "1": "left", "2": "right"})


class Arrays(Imports):
    format = "gymnasium"

    def write(self, folder):
        (folder / "in").mkdir()
        texts = np.array(["go left"] * 4 + ["go right"] * 4)
        np.savez(folder / "in" / "a.npz", frames=FRAMES, actions=texts, fps=np.float64(4))
        np.savez_compressed(folder / "in" / "b.npz", frames=FRAMES, actions=np.arange(8) % 3)


class Keys(Videos):
    files = "in/*.csv"
    format = "gymnasium"

    def write(self, folder):
        super().write(folder)
        (folder / "in" / "rows.csv").unlink()
        (folder / "in" / "stretches.csv").write_text(
            'video,start,end,input\na.mp4,0,1.5,"W 0.4 s, mouse -30 px"\na.mp4,1.5,3,Q 1 s\n'
        )
        (folder / "in" / "events.csv").write_text(
            "video,time,event\na.mp4,0.5,press W\na.mp4,1.5,release W\na.mp4,2,move 50 0\n"
        )


CASES = (
    Videos,
    LinesOfVideos,
    DamagedVideos,
    Kitchens,
    LeRobots,
    Minaris,
    Arrays,
    Keys,
)
