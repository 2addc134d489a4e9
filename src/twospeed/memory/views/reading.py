"""What is seen next, drawn from views that were seen: a `FastReading`.

Where the renderer is sure, its drawing takes the place of the denoiser's prediction, cell by cell;
the denoiser is told of it, too, if it has a recall layer and any seen view looks there. It is asked
at every other step where half is sure, and not where all is. Axes: B clips, C channels, T frames, N
frames of a chunk, H and W cells, S pixels of a side, K seen views.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from twospeed.memory.retrieval_gate import gated
from twospeed.memory.views.coverage import covering
from twospeed.memory.views.rows import Rows
from twospeed.memory.views.seeing import seen_from, shown_in
from twospeed.memory.views.writer import ViewWriter
from twospeed.worldmodel.asking.questions import HALF_KNOWN, Question, SlowReading
from twospeed.worldmodel.codec import encode_frames, to_frames
from twospeed.worldmodel.contract import recall_denoiser
from twospeed.worldmodel.model import WorldModel
from twospeed.worldmodel.reading import Reading
from twospeed.worldmodel.recall import recalled_target
from twospeed.worldmodel.rendering.poses import walked
from twospeed.worldmodel.rendering.renderer import ViewRenderer


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class DrawnViews:
    """Views from new poses, drawn from seen ones."""

    pixels: Tensor
    """(N, 3, S, S) in [-1, 1]."""

    log_error: Tensor
    """Logs of the errors that are to be expected, (N, S, S)."""

    shown: Tensor
    """How far seen views show the cells at all, 0 to 1, (N, cells, cells)."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Drawn:
    """The next chunk of every clip as the renderer draws it."""

    latents: Tensor
    """(B, C, N, H, W); zeros where no seen view looks."""

    share: Tensor
    """How far each cell is trusted, 0 to 1, (B, 1, N, H, W)."""

    @property
    def familiarity_B(self) -> Tensor:
        """How far each chunk is trusted, 0 to 1."""
        return self.share.mean((1, 2, 3, 4))


class ViewReading(SlowReading):
    """Predictions of the denoiser that go over to what is drawn; a `FastReading`.

    Args:
        slow: the slow weights, asked about the same chunks.
        model: the slow weights.
        drawn: what was drawn of them.
    """

    def __init__(self, slow: Reading, model: WorldModel, drawn: Drawn) -> None:
        self.drawn, self.schedule = drawn, model.schedule
        self._without, slow = slow, told_of(drawn, slow)
        super().__init__(slow)
        self.familiarity_B = drawn.familiarity_B
        is_known_B = drawn.share.flatten(1).amin(1) == 1
        is_half_known_B = self.familiarity_B >= HALF_KNOWN
        much = Question.of(slow, is_half_known_B & ~is_known_B)
        little = Question.of(slow, ~is_half_known_B)
        self.asked = (little, replace(much, held_by=self.schedule))

    def compared(self, no_text_BND: Tensor) -> tuple[Reading, Reading]:
        """See `FastReading`: both are told of the drawing, where that is anything."""
        return self.slow, told_of(self.drawn, self._without.under(no_text_BND))

    def finish(self, answers: Sequence[Tensor], noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """See `FastReading`."""
        predicted = noisy_BCTHW
        for question, answer in zip(self.asked, answers, strict=True):
            predicted = question.placed(answer, predicted)
        past = noisy_BCTHW.shape[2] - self.drawn.latents.shape[2]
        recalled = _after(past, self.drawn.latents), _after(past, self.drawn.share)
        return gated(predicted, noisy_BCTHW, level_BT, recalled, self.schedule)


def told_of(drawn: Drawn, slow: Reading) -> Reading:
    """Return a reading whose recall layer gives what is drawn, where that is anything."""
    denoiser = recall_denoiser(slow.denoiser)
    if denoiser is None or denoiser.recall.frames != drawn.latents.shape[2]:
        return slow
    told_BO = recalled_target(drawn.latents)
    told_BO[:, -1] = drawn.familiarity_B
    is_drawn_B1 = drawn.latents.flatten(1).any(1, keepdim=True)
    own_BO = cast(Tensor, slow.recalled_BO)
    return replace(slow, recalled_BO=torch.where(is_drawn_B1, told_BO, own_BO))


@torch.no_grad()
def read_views(slow: Reading, model: WorldModel, writer: ViewWriter) -> ViewReading:
    """Draw what follows each past when its action is done."""
    motion = writer.renderer.motion
    start_B3, earlier_B3 = writer.stand_of(slow.past_BCPHW)
    steps_BN3 = motion.ahead(slow.past_BCPHW[:, :, -1], slow.text_BND, earlier_B3)
    poses_BN3 = torch.stack(walked(start_B3, steps_BN3.unbind(1)), 1)
    clips = [
        _drawn(model, writer, writer.rows(clip).filled, poses_N3)
        for clip, poses_N3 in enumerate(poses_BN3)
    ]
    latents, share = (torch.stack(parts) for parts in zip(*clips, strict=True))
    return ViewReading(slow, model, Drawn(latents=latents, share=share))


def _drawn(
    model: WorldModel, writer: ViewWriter, rows: Rows, poses_N3: Tensor
) -> tuple[Tensor, Tensor]:
    """Return one clip's chunk: latents (C, N, H, W) and shares (1, N, H, W).

    What was seen from just there is taken as it was; the rest is drawn, where any view looks.
    """
    config, cells = writer.config, writer.renderer.config.latent_cells
    known = [rows.row_at(pose, within=config.known_view) for pose in poses_N3]
    latents_NCHW = rows.up_OR[:, [row or 0 for row in known]].mT.unflatten(1, (-1, cells, cells))
    share_NHW = torch.ones_like(latents_NCHW[:, 0])
    todo = [place for place, row in enumerate(known) if row is None]
    latents_NCHW[todo], share_NHW[todo] = 0, 0
    if todo and (found := drawn_from(model, rows, poses_N3[todo], config.references)):
        drawn = encode_frames(model.autoencoder, to_frames(found.pixels)[None])[0].transpose(0, 1)
        latents_NCHW[todo] = drawn.to(latents_NCHW)
        share_NHW[todo] = found.shown * shares(found.log_error, cells, config.retrieval_range)
    return latents_NCHW.transpose(0, 1), share_NHW[None]


def shares(errors_NSS: Tensor, cells: int, retrieval_range: tuple[float, float]) -> Tensor:
    """Return how far each cell of a drawing is trusted, 0 to 1, (N, cells, cells)."""
    error = functional.adaptive_avg_pool2d(errors_NSS.exp(), cells)
    expected_db = 10 * torch.log10(4 / error.clamp_min(1e-6))
    begin, whole = retrieval_range
    return ((expected_db - begin) / (whole - begin)).clamp(0, 1)


def drawn_from(model: WorldModel, rows: Rows, poses_N3: Tensor, most: int) -> DrawnViews | None:
    """Draw what is seen from some poses; None where no seen view looks.

    Args:
        model: it has a renderer.
        rows: the seen views.
        poses_N3: from where, as the rows count it.
        most: how many seen views one is drawn from at most.
    """
    renderer = cast(ViewRenderer, model.renderer)
    reach, cells = renderer.config.reach, renderer.config.latent_cells
    chosen = [
        covering(rows.poses_R3, rows.is_there_R, pose, most=most, reach=reach)[0]
        for pose in poses_N3
    ]
    if not any(len(it) for it in chosen):
        return None
    views = seen_from(model, renderer, rows, chosen, poses_N3)
    pixels, log_error = renderer.frames(views)
    shown = shown_in(views, renderer.depth, cells, renderer.camera)
    return DrawnViews(pixels=pixels, log_error=log_error, shown=shown)


def _after(past: int, new_BCNHW: Tensor) -> Tensor:
    """Put frames of zeros before new ones, (B, C, past + N, H, W)."""
    return functional.pad(new_BCNHW, (0, 0, 0, 0, past, 0))
