"""Forward noising and the training target of the masked conditional video diffusion.

Holds: `NoiseSchedule`, `noise_frames`, `target_of`, `frame_loss`, `loss_weight`. Holds not: flow
matching (flow.py), the network, the reverse process (sampler.py), any optimizer.

A window is a past part, which stays clean, and a new part, which is noised and predicted. Only
new frames carry loss (SlowFast-VGen, masked conditional video diffusion). The fast learner
instead noises every frame and counts every frame. Noise levels are integer steps of a schedule:
0 is clean, `num_steps` is (nearly) pure noise.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import torch
from diffusers import DDIMScheduler
from torch import Tensor

from twospeed.core.errors import ConfigError, lookup
from twospeed.core.fields import check_fields
from twospeed.core.files import StrPath, as_path
from twospeed.core.folders import check_folder
from twospeed.core.ranges import Within
from twospeed.core.shapes import check_shapes
from twospeed.worldmodel.backbones.schedule import Steps
from twospeed.worldmodel.catalogue import SCHEDULER
from twospeed.worldmodel.loading import load_local
from twospeed.worldmodel.sampler import DDIMSteps, spaced_levels

PREDICTIONS = ("epsilon", "v_prediction", "sample")
SCHEDULES = ("linear", "scaled_linear", "squaredcos_cap_v2")


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffusionConfig:
    """The noise schedule and what the network predicts."""

    num_steps: Annotated[int, Within(2, 100_000)] = 1000
    """Noise levels; level 0 is clean beside them."""

    beta_schedule: str = "squaredcos_cap_v2"
    """Name of a schedule of diffusers; ModelScopeT2V has "scaled_linear"."""

    prediction_type: str = "sample"
    """"epsilon", as in the paper; "v_prediction" or "sample" (the clean latents) also work from
    pure noise, and "sample" spares a small network the copying of noise."""

    rescale_betas_zero_snr: bool = True
    """Make the last level pure noise (not with "epsilon")."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.prediction_type not in PREDICTIONS:
            raise ConfigError(
                f"prediction_type is one of {', '.join(PREDICTIONS)}, got {self.prediction_type!r}"
            )
        lookup(dict.fromkeys(SCHEDULES), self.beta_schedule, "beta_schedule")
        if self.rescale_betas_zero_snr and self.prediction_type == "epsilon":
            raise ConfigError("epsilon cannot be predicted from pure noise: rescale_betas_zero_snr")


class NoiseSchedule:
    """How much signal is left at each level; a `Schedule`.

    Args:
        scheduler: diffusers' scheduler, which holds the numbers on disk.
    """

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler
        self.prediction_type: str = scheduler.config.prediction_type
        self.num_steps: int = scheduler.config.num_train_timesteps
        self.signals = torch.cat([torch.ones(1), scheduler.alphas_cumprod.float()])

    @classmethod
    def of(cls, config: DiffusionConfig) -> "NoiseSchedule":
        """Build the schedule of a configuration."""
        scheduler = DDIMScheduler(
            num_train_timesteps=config.num_steps,
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule=config.beta_schedule,
            prediction_type=config.prediction_type,
            rescale_betas_zero_snr=config.rescale_betas_zero_snr,
            timestep_spacing="trailing",
            clip_sample=False,
        )
        return cls(scheduler)

    def signal(self, levels: Tensor) -> Tensor:
        """Return the share of the variance that is still signal, in [0, 1], for integer levels."""
        return self.signals.to(levels.device)[levels]

    def placed(self, level_BT: Tensor) -> Tensor:
        """See `Schedule`: levels are drawn as they are."""
        return level_BT

    def noised(self, clean_BCTHW: Tensor, noise_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """See `Schedule`."""
        return noise_frames(clean_BCTHW, noise_BCTHW, signal_BT=self.signal(level_BT))

    def target(self, clean_BCTHW: Tensor, noise_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """See `Schedule`."""
        signal_BT, kind = self.signal(level_BT), self.prediction_type
        return target_of(clean_BCTHW, noise_BCTHW, signal_BT=signal_BT, prediction_type=kind)

    def split(
        self, noisy_BCTHW: Tensor, prediction_BCTHW: Tensor, level_BT: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See `Schedule`."""
        signal_BT, kind = self.signal(level_BT), self.prediction_type
        return clean_and_noise(
            noisy_BCTHW, prediction_BCTHW, signal_BT=signal_BT, prediction_type=kind
        )

    def predicting(self, clean_BCTHW: Tensor, noisy_BCTHW: Tensor, level_BT: Tensor) -> Tensor:
        """See `Schedule`."""
        signal_BT = self.signal(level_BT)
        _, noise = clean_and_noise(
            noisy_BCTHW, clean_BCTHW, signal_BT=signal_BT, prediction_type="sample"
        )
        return self.target(clean_BCTHW, noise, level_BT)

    def weight(self, level_BT: Tensor) -> Tensor:
        """See `Schedule`."""
        return loss_weight(self.signal(level_BT), self.prediction_type)

    def steps(self, count: int, shape: tuple[int, ...]) -> Steps:  # noqa: ARG002
        """See `Schedule`: the deterministic DDIM way.

        Levels are evenly spaced from pure noise on, or where the scheduler says so.
        """
        if self.scheduler.config.get("timestep_spacing", "leading") == "trailing":
            return DDIMSteps(self, spaced_levels(self.num_steps, count))
        spaced_levels(self.num_steps, count)
        self.scheduler.set_timesteps(count)
        levels = [int(step) + 1 for step in self.scheduler.timesteps]
        last = 0 if self.scheduler.config.get("set_alpha_to_one", True) else 1
        return DDIMSteps(self, [*levels, last])

    def save_pretrained(self, folder: StrPath) -> None:
        """Write ``scheduler/``.

        Raises:
            DataError: when anything but a noise schedule stands there.
        """
        place = as_path(folder) / "scheduler"
        check_folder(place, SCHEDULER)
        self.scheduler.save_pretrained(place)

    @classmethod
    def from_pretrained(cls, folder: StrPath) -> "NoiseSchedule":
        """Read ``scheduler/`` of a diffusers pipeline.

        Raises:
            DataError: when it is missing or damaged.
        """
        place = as_path(folder) / "scheduler"
        return cls(load_local(DDIMScheduler, "noise schedule", place))


def noise_frames(clean_BCTHW: Tensor, noise_BCTHW: Tensor, *, signal_BT: Tensor) -> Tensor:
    """Noise every frame as far as its level says.

    Args:
        clean_BCTHW: latents with unit variance per channel.
        noise_BCTHW: standard normal draws; the caller owns the generator.
        signal_BT: share of the variance that is still signal, in [0, 1]; 1 means clean.

    Returns:
        (B, C, T, H, W): bit-equal to `clean_BCTHW` wherever the signal is 1.
    """
    check_shapes(
        clean=(clean_BCTHW, "BCTHW"), noise=(noise_BCTHW, "BCTHW"), signal=(signal_BT, "BT")
    )
    kept, added = _shares(signal_BT, clean_BCTHW)
    return kept * clean_BCTHW + added * noise_BCTHW


def target_of(
    clean_BCTHW: Tensor, noise_BCTHW: Tensor, *, signal_BT: Tensor, prediction_type: str
) -> Tensor:
    """Return what the network should predict.

    "epsilon": the noise. "sample": the clean latents. "v_prediction": sqrt(a) noise - sqrt(1 - a)
    clean, with a the share of signal.
    """
    if prediction_type == "epsilon":
        return noise_BCTHW
    if prediction_type == "sample":
        return clean_BCTHW
    kept, added = _shares(signal_BT, clean_BCTHW)
    return kept * noise_BCTHW - added * clean_BCTHW


def clean_and_noise(
    noisy_BCTHW: Tensor, prediction_BCTHW: Tensor, *, signal_BT: Tensor, prediction_type: str
) -> tuple[Tensor, Tensor]:
    """Split noisy latents into the clean latents and the noise that a prediction means."""
    kept, added = _shares(signal_BT, noisy_BCTHW)
    if prediction_type == "epsilon":
        clean = (noisy_BCTHW - added * prediction_BCTHW) / kept.clamp_min(1e-4)
        return clean, prediction_BCTHW
    if prediction_type == "sample":
        return prediction_BCTHW, (noisy_BCTHW - kept * prediction_BCTHW) / added.clamp_min(1e-4)
    clean = kept * noisy_BCTHW - added * prediction_BCTHW
    return clean, added * noisy_BCTHW + kept * prediction_BCTHW


def frame_loss(
    prediction_BCTHW: Tensor,
    target_BCTHW: Tensor,
    *,
    counts_BT: Tensor,
    weight_BT: Tensor | None = None,
) -> Tensor:
    """Return each clip's mean squared error over the frames that count, (B,).

    Args:
        prediction_BCTHW: the network's.
        target_BCTHW: of `target_of`.
        counts_BT: bool, True where a frame carries loss (the new frames; all, for fast learning).
        weight_BT: of `loss_weight`; None weighs all frames alike.
    """
    check_shapes(
        prediction=(prediction_BCTHW, "BCTHW"),
        target=(target_BCTHW, "BCTHW"),
        counts=(counts_BT, "BT"),
    )
    dtype = torch.promote_types(prediction_BCTHW.dtype, torch.float32)  # half is too coarse
    error_BT = (prediction_BCTHW.to(dtype) - target_BCTHW.to(dtype)).square().mean((1, 3, 4))
    if weight_BT is not None:
        error_BT = error_BT * weight_BT
    counted_BT = counts_BT.to(error_BT)
    return (error_BT * counted_BT).sum(1) / counted_BT.sum(1).clamp_min(1)


def loss_weight(signal_BT: Tensor, prediction_type: str) -> Tensor:
    """Return the weight of a frame's squared error.

    An error of the clean latents counts as the error of v that it means, 1 / (1 - a), up to a
    bound for frames that are nearly clean; epsilon and v are not weighted, as in the paper.
    """
    if prediction_type == "sample":
        return 1 / (1 - signal_BT).clamp_min(0.1)
    return torch.ones_like(signal_BT)


def _shares(signal_BT: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    signal = signal_BT.to(like)[:, None, :, None, None]
    return signal.sqrt(), (1 - signal).sqrt()
