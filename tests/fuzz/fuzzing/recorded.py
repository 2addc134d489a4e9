"""Shards, pictures, videos and lists of actions, changed at random."""

from PIL import Image

from fuzzing.cases import FRAMES, Case
from fuzzing.samples import episodes
from twospeed.core.video import read_frame, write_video
from twospeed.data.index import read_episodes, read_index, write_index
from twospeed.data.lossless import pack_frames, unpack_frames
from twospeed.data.shards import read_notes, read_shard, write_shard
from twospeed.data.survey import survey
from twospeed.generation.action_list import read_actions
from twospeed.generation.commands import place_commands
from twospeed.training.data.vocabulary import vocabulary_of
from twospeed.worlds.registry import WORLDS


class Shards(Case):
    def write(self, folder):
        write_shard(folder / "a.tar", episodes())
        write_index(folder)

    def read(self, folder):
        list(read_notes(folder / "a.tar"))
        list(read_shard(folder / "a.tar"))


class Indexes(Shards):
    files = "index.json"

    def read(self, folder):
        read_index(folder)
        list(read_episodes(folder, on_damage=[].append))
        survey(folder)


class Packed(Case):
    def write(self, folder):
        (folder / "a.mkv").write_bytes(pack_frames(FRAMES, frames_per_second=4))

    def read(self, folder):
        if (folder / "a.mkv").is_file():  # it reads bytes, whoever brings them
            unpack_frames((folder / "a.mkv").read_bytes(), most=100)


class Pictures(Case):
    def write(self, folder):
        for name in ("a.png", "a.jpg", "a.bmp", "a.gif", "a.tif", "a.webp"):
            Image.fromarray(FRAMES[0]).save(folder / name)

    def read(self, folder):
        for path in sorted(folder.iterdir()):
            read_frame(path)


class Clips(Case):
    def write(self, folder):
        write_video(folder / "a.mp4", FRAMES, frames_per_second=4)

    def read(self, folder):
        read_frame(folder / "a.mp4")


class ActionLists(Case):
    def write(self, folder):
        (folder / "actions.txt").write_text("turn left\ngo forward\n")

    def read(self, folder):
        actions = WORLDS["rooms"].actions
        vocabulary = vocabulary_of({text: {"rooms"} for text in actions}, actions)
        place_commands(read_actions(f"@{folder / 'actions.txt'}"), vocabulary)


CASES = (
    Shards,
    Indexes,
    Packed,
    Pictures,
    Clips,
    ActionLists,
)
