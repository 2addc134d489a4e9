"""From recorded episodes to a model folder: autoencoder, text encoder, latents, denoiser.

Every stage keeps what it has done (stages/folders.py), so a run that was killed at any moment
goes on where it was. Holds not: the steps (loop.py), any loss.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from twospeed.core.arguments import check_kind
from twospeed.core.config import from_json, to_json
from twospeed.core.errors import TwospeedError
from twospeed.core.fields import checked
from twospeed.core.files import StrPath, as_path, sweep, write_json
from twospeed.core.folders import check_folder, note_in
from twospeed.core.progress import Journal
from twospeed.core.ranges import Minutes, Workers
from twospeed.core.runs.claims import claimed
from twospeed.data.recorder import refuse_testing
from twospeed.training.card import Figures, device_name, write_card
from twospeed.training.data.alike import AlikeSource
from twospeed.training.data.sources import (
    EpisodeSource,
    ShardSource,
    WorldSource,
)
from twospeed.training.data.telling import check_rates, data_note
from twospeed.training.data.vocabulary import vocabulary_of
from twospeed.training.data.windows import LatentWindows
from twospeed.training.parallel.processes import make_accelerator
from twospeed.training.run import RunConfig
from twospeed.training.stages.denoiser import (
    adversarial_stage,
    denoiser_stage,
    recalling_stage,
    slow_fast_stage,
)
from twospeed.training.stages.folders import (
    RunContext,
    autoencoder_stage,
    latents_stage,
    text_stage,
)
from twospeed.training.stages.rendering import rendering_stage
from twospeed.worldmodel.catalogue import MODEL
from twospeed.worldmodel.diffusion import NoiseSchedule
from twospeed.worldmodel.initial import check_initial, goes_on
from twospeed.worldmodel.model import WorldModel

STAGES = ("autoencoder", "text", "denoiser", "recalling", "slow_fast", "adversarial", "rendering")
AUTOENCODER_SHARE = 0.2
TEXT_SHARE = 0.1
"""Largest shares of the minutes that the stages before the denoiser may take."""

NOTE = "run.json"
"""Says in a run's folder what is trained there."""

WORK = ("*/checkpoint", "model")
"""What is worth keeping in it."""

SCRAPS = (
    "latents/*/*.npy", "latents/*/*.json", "autoencoder/*.npy", "*/posed/*", "*/journal.jsonl",
)  # fmt: skip
"""What may lie there before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """A finished training."""

    folder: Path
    """The model folder."""

    figures: Figures
    """What was measured."""


def train_world_model(
    config: RunConfig,
    data: StrPath | None,
    out: StrPath,
    *,
    minutes: float | None = None,
    initial: StrPath | None = None,
    workers: int = 1,
    name: str = "world model",
    device: str | None = None,
) -> Trained:
    """Train all parts of a world model and write it to ``out/model``; goes on after a kill.

    Args:
        config: a recipe.
        data: folder or URL of recorded shards; None walks the recipe's world on the spot, without
            disk.
        out: folder of this run alone.
        minutes: about how long; the weights reached by then are written. None runs to the end.
        initial: a model whose weights are trained on, with its sizes and not its settings; a
            denoiser of another kind than the recipe's begins anew. None begins all anew.
        workers: processes that encode at once.
        name: title of the model card.
        device: "cpu" keeps it from a GPU that is there; None is what accelerate finds.

    Raises:
        DataError: when `out` holds another run, the data are damaged or for testing only, or the
            disk is full.
        ConfigError: when the data or the initial model do not fit the recipe.
    """
    check_kind(config, RunConfig, "config")
    out = as_path(out, "out")
    check_folder(out / "model", MODEL)
    workers = checked(workers, Workers, "workers")
    minutes = checked(minutes, Minutes | None, "minutes")
    source = _source(config, data)
    start = None if initial is None else WorldModel.from_pretrained(initial)
    if start:
        check_initial(start, config.model)
        rate, asked = start.settings.frames_per_second, config.model.settings.frames_per_second
        check_rates(source, rate, asked, "model.settings.frames_per_second")
    begun_from = None if initial is None else str(initial)
    wanted = {"config": to_json(config), "initial": begun_from, "data": None}
    if data is not None:
        wanted["data"] = data_note(source)
    wanted["initial_weights"] = start.fingerprint() if start else None
    context = RunContext(
        config=config,
        source=source,
        out=out,
        accelerator=make_accelerator(precision=config.precision, device=device),
        workers=workers,
    )
    with own_run(out, wanted, context.accelerator):
        model, figures = _run_stages(context, start, minutes)
        weights = f"{Path(str(initial)).name}, {start.hash()}" if start else None
        card = write_card(name, config, source.contents(), figures, begun_from=weights)
        if context.accelerator.is_main_process:
            model.save_pretrained(out / "model", half=config.half, card=card)
            write_json(out / "figures.json", dataclasses.asdict(figures))
            Journal(out / "journal.jsonl").write(**dataclasses.asdict(figures))
        context.accelerator.wait_for_everyone()
    return Trained(folder=out / "model", figures=figures)


def _source(config: RunConfig, data: StrPath | None) -> EpisodeSource:
    """Return where episodes come from, unless they are for testing."""
    source: EpisodeSource = WorldSource(config=config.recording)
    if data is not None:
        place = as_path(data, "data")
        recorded = ShardSource(folder=str(data) if "://" in str(data) else place)
        settings = config.model.settings
        source = AlikeSource(
            source=recorded, frame_size=settings.size, chunk_frames=settings.chunk_frames
        )
    refuse_testing(source.contents().last_seed)
    return source


def _run_stages(
    context: RunContext, start: WorldModel | None, minutes: float | None
) -> tuple[WorldModel, Figures]:
    began = time.monotonic()

    def left(share: float = 1.0) -> float | None:
        if minutes is None:
            return None
        return max(0.0, min(share * minutes, minutes - (time.monotonic() - began) / 60))

    autoencoder, psnr_db = autoencoder_stage(context, start, left(AUTOENCODER_SHARE))
    is_continued = start is not None and goes_on(start.denoiser, context.config.model)
    before = start.vocabulary if start and is_continued else None
    windows, actions = latents_stage(context, autoencoder, before)
    text_encoder, accuracy = text_stage(context, start, actions, left(TEXT_SHARE))
    denoiser, loss_of = denoiser_stage(context, start, windows, text_encoder, left())
    schedule = start.schedule if start else NoiseSchedule.of(context.config.model.diffusion)
    settings = windows.recorded_as(context.config.model.settings)
    known = vocabulary_of(windows.said_in(), actions)
    vocabulary = known.joined(before) if before else known
    renderer = start.renderer if start and is_continued else None
    model = WorldModel(
        denoiser, autoencoder, text_encoder, schedule, settings, vocabulary, renderer
    )
    with_memory, without = _with_memories(context, model, windows, left)
    if context.config.adversarial.loop.steps and _is_ready(context, STAGES[2:5]):
        adversarial_stage(context, model, windows, left())
    views_db = _drawing(context, model, windows, left)
    reached = {stage: context.reached(stage) for stage in STAGES}
    figures = Figures(
        autoencoder_psnr_db=round(psnr_db, 3),
        text_accuracy=round(accuracy, 4),
        denoiser_loss=round(loss_of(model.denoiser), 5),
        loss_with_memory=with_memory,
        loss_without_memory=without,
        views_psnr_db=views_db,
        autoencoder_steps=reached["autoencoder"].step,
        text_steps=reached["text"].step,
        denoiser_steps=reached["denoiser"].step,
        recalling_steps=reached["recalling"].step,
        slow_fast_steps=reached["slow_fast"].step,
        adversarial_steps=reached["adversarial"].step,
        rendering_steps=reached["rendering"].step,
        minutes=round(sum(it.seconds for it in reached.values()) / 60, 2),
        num_parameters=sum(tensor.numel() for tensor in denoiser.parameters()),
        device=device_name(context.accelerator.device),
    )
    return model.to("cpu"), figures


def _with_memories(
    context: RunContext, model: WorldModel, windows: LatentWindows, left: Callable[[], float | None]
) -> tuple[float | None, float | None]:
    """Run the loops in which memories take part, once the denoiser's own steps are taken.

    Returns:
        The last one's losses with and without memory; None where there is no such loop.
    """
    config, losses = context.config, None
    if _is_ready(context, STAGES[2:3]):
        if config.recalling.loop.steps:
            losses = recalling_stage(context, model, windows, left())
        if config.slow_fast.loop.steps and _is_ready(context, STAGES[3:4]):
            losses = slow_fast_stage(context, model, windows, left())
    return (round(losses[0], 5), round(losses[1], 5)) if losses else (None, None)


def _drawing(
    context: RunContext, model: WorldModel, windows: LatentWindows, left: Callable[[], float | None]
) -> float | None:
    """Train the renderer after all others; return the PSNR in dB of held-out views."""
    if not (context.config.rendering.loop.steps and _is_ready(context, STAGES[2:6])):
        return None
    return round(rendering_stage(context, model, windows.sayings, left()), 3)


def _is_ready(context: RunContext, stages: Sequence[str]) -> bool:
    """Say whether the denoiser's stages have taken all their steps."""
    config = context.config
    loops = {
        "denoiser": config.slow.loop,
        "recalling": config.recalling.loop,
        "slow_fast": config.slow_fast.loop,
        "adversarial": config.adversarial.loop,
    }
    return all(context.reached(stage).step >= loops[stage].steps for stage in stages)


@contextmanager
def own_run(out: Path, wanted: dict[str, Any], accelerator: Accelerator) -> Iterator[None]:
    """Claim a folder for a training (`claimed`); of several processes the main one does.

    Raises:
        DataError: when it holds another run, or another process works there.
    """
    with ExitStack() as stack:
        if accelerator.is_main_process:
            earlier = note_in(out, NOTE)
            known = earlier and _with_newer_settings(earlier)
            stack.enter_context(
                claimed(out, NOTE, wanted, kind="run", work=WORK, scraps=SCRAPS, known=known)
            )
            sweep(out)
        accelerator.wait_for_everyone()
        yield


def _with_newer_settings(found: dict[str, Any]) -> dict[str, Any]:
    """Give settings that a run from before did not know yet their defaults."""
    try:
        return found | {"config": to_json(from_json(RunConfig, found["config"]))}
    except (KeyError, TwospeedError):
        return found
