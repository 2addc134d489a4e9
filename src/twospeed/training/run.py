"""What a whole training run depends on, made of the rooms' own configurations."""

from dataclasses import dataclass, field

from twospeed.core.errors import ConfigError
from twospeed.core.fields import check_fields
from twospeed.data.recording import RecordingConfig
from twospeed.training.adversarial.config import AdversarialConfig
from twospeed.training.recall.config import RecallingConfig
from twospeed.training.rendering.config import RenderingRun
from twospeed.training.stages.autoencoder import AutoencoderRun
from twospeed.training.stages.slow import SlowLearningConfig
from twospeed.training.stages.slow_fast import SlowFastConfig
from twospeed.training.stages.text import TextRun
from twospeed.worldmodel.build import WorldModelConfig
from twospeed.worldmodel.transformer import MOST_FRAMES

PRECISIONS = ("no", "bf16", "fp16")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunConfig:
    """A recording, a model, and how each of its parts is trained."""

    recording: RecordingConfig
    """What it learns from; also what ``twospeed record`` should be told."""

    model: WorldModelConfig = field(default_factory=WorldModelConfig)
    """Sizes of all parts."""

    autoencoder: AutoencoderRun = field(default_factory=AutoencoderRun)
    """How the frame autoencoder is trained."""

    text: TextRun = field(default_factory=TextRun)
    """How the text encoder is trained."""

    slow: SlowLearningConfig = field(default_factory=SlowLearningConfig)
    """How the denoiser is trained."""

    recalling: RecallingConfig = field(default_factory=RecallingConfig)
    """How the denoiser learns to recall, once all its own steps are taken; by default it does not.
    It needs episodes that see places again (policy "revisit")."""

    slow_fast: SlowFastConfig = field(default_factory=SlowFastConfig)
    """How the denoiser learns beside frozen memories after that."""

    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    """How the denoiser learns from chunks that it generates itself, against a critic, after all
    these; by default it does not."""

    rendering: RenderingRun = field(default_factory=RenderingRun)
    """How a renderer learns to draw views anew, at last; by default there is none. It needs
    episodes with poses."""

    precision: str = "no"
    """Mixed precision of the denoiser's training, in accelerate's words: no, bf16, fp16."""

    half: bool = True
    """Whether the model folder stores weights as float16."""

    def __post_init__(self) -> None:
        check_fields(self)
        self._check_sizes()
        self._check_levels()
        if self.precision not in PRECISIONS:
            raise ConfigError(
                f"precision is one of {', '.join(PRECISIONS)}, got {self.precision!r}"
            )

    def _check_sizes(self) -> None:
        recording, settings = self.recording, self.model.settings
        for name in ("world", "frame_size", "chunk_frames"):
            if getattr(recording, name) != getattr(settings, name):
                raise ConfigError(
                    f"recording.{name} and model.settings.{name} must be equal, got"
                    f" {getattr(recording, name)!r} and {getattr(settings, name)!r}"
                )
        if self.slow.new_frames != settings.chunk_frames:
            raise ConfigError(
                f"slow.new_frames must be model.settings.chunk_frames = {settings.chunk_frames},"
                f" got {self.slow.new_frames}"
            )
        window = max(self.slow.past_lengths) + settings.chunk_frames
        if self.model.denoiser == "transformer" and window > MOST_FRAMES:
            raise ConfigError(
                f"slow.past_lengths: a transformer takes windows of {MOST_FRAMES} frames, past and"
                f" new, got {window}"
            )

    def _check_levels(self) -> None:
        least = max(
            self.slow.past_level, self.slow.lowest_level, self.model.settings.sampling_steps
        )
        if self.model.diffusion.num_steps < least:
            raise ConfigError(
                f"model.diffusion.num_steps must be {least} or more, as slow.past_level,"
                " slow.lowest_level and model.settings.sampling_steps are, got"
                f" {self.model.diffusion.num_steps}"
            )
