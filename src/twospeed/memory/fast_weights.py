"""Fast weights: adapters that learn each finished chunk while a video is being generated.

Holds: `FastWeights`, `WriteRecord`. Holds not: how they are written (temp_lora_writer.py,
ridge_writer.py, views/), what they make of a chunk (reading.py), their files (files.py).
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from twospeed.core.arguments import as_texts, check_kind
from twospeed.core.errors import DataError, ShapeError
from twospeed.core.fields import checked
from twospeed.core.ranges import Seed
from twospeed.memory.adapters import Adapters, layers_called
from twospeed.memory.bulk_writer import BulkWriter
from twospeed.memory.config import FastLearningConfig, RidgeConfig
from twospeed.memory.presets import default
from twospeed.memory.reading import read_adapters
from twospeed.memory.views.reading import read_views
from twospeed.memory.views.writer import ViewWriter
from twospeed.memory.ways import adapted, hash_of, writer_of
from twospeed.memory.writer import Written, check_state
from twospeed.worldmodel.asking.questions import FastReading
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.reading import Reading


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteRecord:
    """What one write did to one episode's memory."""

    chunk: int
    """Number of the write, from 0."""

    loss_before: float
    """Loss on the chunk before the write, at the draws of its first update."""

    loss_after: float
    """Loss at the same draws after the write."""

    norm: float
    """L2 norm of the episode's `up` weights after the write."""

    seconds: float
    """Wall-clock time of the write, shared by the episodes beside it."""

    written: bool
    """False when the gate found nothing new."""


class FastWeights:
    """Fast weights of E episodes that run side by side on one world model.

    They act while they are asked (`read`) or written (`observe`), and not otherwise: any
    number of memories can share one model without touching each other. `attach` lets them act on
    every call of the denoiser.

    Args:
        model: the slow weights; never changed.
        config: how to write, one of `config.VARIANTS`; None takes the preset `default`
            of the model.
        seeds: one an episode, 0 or more; they decide the noise of the writes.
        layers: names of the layers that get adapters; None takes those that `config.targets` names.

    Raises:
        KindError: when something is of another type.
        ShapeError: when there are no seeds.
        ConfigError: when no layer is called as `config.targets` says, or the rank does not suit it.
        DataError: when one of `layers` is not there.
    """

    def __init__(
        self,
        model: WorldModel,
        config: FastLearningConfig | None = None,
        *,
        seeds: Sequence[int] = (0,),
        layers: Collection[str] | None = None,
    ) -> None:
        check_kind(model, WorldModel, "model")
        config = default(model) if config is None else config
        check_kind(config, FastLearningConfig, "config")
        self.model = model
        self.config = config
        self.seeds: tuple[int, ...] = checked(
            tuple(seeds) if isinstance(seeds, range) else seeds, tuple[Seed, ...], "seeds"
        )
        if not self.seeds:
            raise ShapeError("fast weights need one seed an episode, got none")
        network = adapted(model, config)
        self.adapters = Adapters(
            network,
            rank=config.rank,
            layers=layers_called(network, config.targets) if layers is None else layers,
            episodes=len(self.seeds),
            whole=isinstance(config, RidgeConfig),
        )
        self.writer = writer_of(model, config, self.adapters, self.seeds)
        self.records: list[list[WriteRecord]] = [[] for _ in self.seeds]
        self.model_hash = hash_of(model, config)

    def attach(self) -> None:
        """Let the fast weights act on every call of the denoiser, until `detach`."""
        self.settle_()
        self.adapters.attach()

    def settle_(self) -> None:
        """Learn now what a way of writing puts off until it is asked; `read` does so by itself."""
        if isinstance(self.writer, BulkWriter):
            with torch.enable_grad(), self.adapters.attached():
                self.writer.settle_()

    def detach(self) -> None:
        """Give the slow model back, bit for bit."""
        self.adapters.detach()

    @property
    def is_apart(self) -> bool:
        """Whether `read` leaves the denoiser alone, so that others may ask it meanwhile."""
        return isinstance(self.writer, ViewWriter)

    @torch.no_grad()
    def read(self, slow: Reading) -> FastReading:
        """Ask slow and fast weights about one chunk of every episode; see `FastReader`."""
        if isinstance(self.writer, ViewWriter):
            return read_views(slow, self.model, self.writer)
        self.settle_()
        return read_adapters(slow, self.adapters, self.config, self.model.schedule)

    def follow(self, frames_CTHW: Tensor, actions: Sequence[str], *, episode: int = 0) -> None:
        """Go along with frames that are not learned: fast weights that keep a place go on from it.

        Args:
            frames_CTHW: clean latents, from the last frame that was observed or followed on.
            actions: the command of every step from one frame to the next.
            episode: which.

        Raises:
            ShapeError: when there is not one action a step.
        """
        if frames_CTHW.shape[1] != 1 + len(actions):
            raise ShapeError(
                f"{len(actions)} actions lead through {1 + len(actions)} frames, got"
                f" {frames_CTHW.shape[1]}"
            )
        if isinstance(self.writer, ViewWriter) and actions:
            text_SND = self.model.text_encoder.encode(actions).to(frames_CTHW)
            self.writer.follow_(episode, frames_CTHW, text_SND)

    def observe(
        self,
        window_ECTHW: Tensor,
        actions: Sequence[str],
        *,
        past_frames: int,
        generated: bool = False,
    ) -> list[WriteRecord]:
        """Learn one finished chunk of every episode: past ⊕ new, in latents.

        Args:
            window_ECTHW: clean latents, one window an episode.
            actions: the chunk's action texts (not used by the objective "joint").
            past_frames: how many frames of the window are past.
            generated: the new frames were generated with this memory, not seen
                (`RidgeConfig.generated_weight`).

        Returns:
            One record an episode.

        Raises:
            KindError: when the window is no tensor of latents, or an action is no text.
            ShapeError: when there is not one window an episode, or no new frame in it.
            ConfigError: when `past_frames` is no whole number.
            DataError: when a latent is not finite; nothing is written then.
        """
        frames = self.model.check_latents(window_ECTHW, "window")["T"]
        if not 1 <= checked(past_frames, int, "past_frames") < frames:
            raise ShapeError(
                f"a window of {frames} frames has 1 to {frames - 1} past ones, got {past_frames}"
            )
        actions = as_texts(actions)
        if len(window_ECTHW) != len(self.seeds) or len(actions) != len(self.seeds):
            raise ShapeError(
                f"this memory holds {len(self.seeds)} episodes, got {len(window_ECTHW)} windows"
                f" and {len(actions)} actions"
            )
        if not window_ECTHW.isfinite().all():
            raise DataError("the window holds numbers that are not finite; nothing was written")
        started = time.perf_counter()
        text_END = self.model.text_encoder.encode(actions).to(window_ECTHW)
        writes = [len(records) for records in self.records]
        with torch.enable_grad(), self.adapters.attached():
            written = self.writer.write_(
                window_ECTHW,
                text_END,
                past_frames=past_frames,
                writes=writes,
                generated=generated,
            )
        self._bound_(written.open_E)
        seconds = (time.perf_counter() - started) / len(self.seeds)
        return self._record(written, seconds)

    def state(self, episode: int = 0) -> dict[str, Tensor]:
        """Return what an episode needs to go on beside its weights: averages and rehearsal."""
        return self.writer.state(episode)

    def load_state_(self, named: dict[str, Tensor], episode: int = 0) -> None:
        """Take over what `state` gave.

        Raises:
            DataError: when it is that of another way of writing, or damaged.
        """
        check_state(named, like=self.state(episode))
        self.writer.load_state_(named, episode)

    @torch.no_grad()
    def _bound_(self, open_E: Tensor) -> None:
        """Forget a little (`anchor`) and keep the norm below its bound (`max_norm`)."""
        if self.config.anchor == 0 and self.config.max_norm is None:
            return
        keep_E = 1 - self.config.anchor * open_E.to(torch.float32)
        if self.config.max_norm is not None:
            norm_E = (self.adapters.norm_E() * keep_E).clamp_min(1e-12)
            keep_E = keep_E * (self.config.max_norm / norm_E).clamp_max(1)
        for up in self.adapters.up.values():
            up.mul_(keep_E[:, None, None])

    def _record(self, written: Written, seconds: float) -> list[WriteRecord]:
        norms = self.adapters.norm_E()
        news = [
            WriteRecord(
                chunk=len(self.records[index]),
                loss_before=float(written.before_E[index]),
                loss_after=float(written.after_E[index]),
                norm=float(norms[index]),
                seconds=seconds,
                written=bool(written.open_E[index]),
            )
            for index in range(len(self.seeds))
        ]
        for records, new in zip(self.records, news, strict=True):
            records.append(new)
        return news
