"""Memories, dreams, models and what a training leaves behind, changed at random."""

import numpy as np
import torch

from fuzzing.cases import FRAMES, Case
from fuzzing.samples import episodes
from twospeed.core.files import write_json
from twospeed.data.index import write_index
from twospeed.data.shards import write_shard
from twospeed.generation.dream import Dream
from twospeed.memory.edits import difference, merge
from twospeed.memory.fast_weights import FastWeights
from twospeed.memory.files import load_memory, save_memory
from twospeed.memory.memory_file import memory_of, open_memories
from twospeed.memory.presets import preset_of
from twospeed.terminator.fit.checkpoint import FitState, load_state, save_state
from twospeed.training.checkpoint import Reached, load_checkpoint_, save_checkpoint
from twospeed.training.data.latents import fill_cache, read_group
from twospeed.training.data.sources import ShardSource
from twospeed.worldmodel.model import WorldModel


def fresh_memory(model):
    memory = FastWeights(model, preset_of(model, "gradient"))
    window = torch.randn(1, 8, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    memory.observe(window, ["turn left"], past_frames=4)
    return memory


class Memories(Case):
    def write(self, folder):
        save_memory(memory_of(fresh_memory(self.model)), folder / "m")

    def read(self, folder):
        file = load_memory(folder / "m")
        assert np.isfinite(file.norm())
        merge(file, file)
        difference(file, file)
        open_memories(self.model, [file], seeds=(0,))


class Dreams(Case):
    def write(self, folder):
        dream = Dream(self.model, FRAMES[0], memory=fresh_memory(self.model))
        dream.step("turn left")
        dream.save(folder / "d")

    def read(self, folder):
        Dream.load(folder / "d", self.model).step("go back")


class Models(Case):
    def write(self, folder):
        self.model.save_pretrained(folder / "m", card="# m\n\nA model.\n")

    def read(self, folder):
        model = WorldModel.from_pretrained(folder / "m")
        size = model.settings.frame_size
        if size <= 64 and model.settings.chunk_frames <= 8:
            Dream(model, np.zeros((size, size, 3), np.uint8)).step("turn left")


class Latents(Case):
    def write(self, folder):
        shards = folder.parent / f"{folder.name}-shards"
        shards.mkdir()
        write_shard(shards / "a.tar", episodes())
        write_index(shards)
        fill_cache(ShardSource(folder=shards), self.model.autoencoder, folder)

    def read(self, folder):
        for path in folder.glob("*/*.npy"):
            for episode in read_group(path):
                assert episode.chunk_frames >= 0


def linear():
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return layer, optimizer


class Checkpoints(Case):
    def write(self, folder):
        layer, optimizer = linear()
        save_checkpoint(folder, layer, layer, optimizer, Reached(step=3, seconds=1.0))

    def read(self, folder):
        layer, optimizer = linear()
        load_checkpoint_(folder, layer, layer, optimizer)
        optimizer.step()


class Fits(Case):
    def write(self, folder):
        layer, optimizer = linear()
        state = FitState.empty().after(
            1, loss=1.0, validation=0.5, seconds=1.0, processor_seconds=1.0
        )
        save_state(folder, layer, optimizer, state)
        write_json(folder / "config.json", {"step": 0, "seconds": 0.0})

    def read(self, folder):
        layer, optimizer = linear()
        load_state(folder, layer, optimizer, Reached())
        optimizer.step()


CASES = (
    Memories,
    Dreams,
    Models,
    Latents,
    Checkpoints,
    Fits,
)
