"""What a world model needs to be told beside its weights: ``model_index.json`` holds it."""

from dataclasses import dataclass
from typing import Annotated

from twospeed.core.fields import check_fields
from twospeed.core.pictures import Size
from twospeed.core.ranges import ChunkFrames, FrameSize, FramesPerSecond, Level, Within


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSettings:
    """What a world model needs to be told beside its weights."""

    world: str = "rooms"
    """World whose recordings it was trained on; "" for weights of another maker."""

    chunk_frames: ChunkFrames = 4
    """Frames generated for one action."""

    past_frames: ChunkFrames | None = None
    """Most past frames that a chunk is conditioned on; None is as many as a chunk has."""

    frame_size: FrameSize = 64
    """Height in pixels, and width where no other is given."""

    frame_width: FrameSize | None = None
    """Width in pixels; None is square. Only weights of other makers have another."""

    frames_per_second: FramesPerSecond = 4.0
    """Rate at which the frames were recorded."""

    sampling_steps: Annotated[int, Within(1, 1000)] = 4
    """Denoising steps of a chunk, chosen by measurement."""

    sampling_order: Annotated[int, Within(1, 2)] = 1
    """1 is DDIM; 2 foretells from two steps (DPM-Solver++) at the same cost, not for flows."""

    sampling_shift: Annotated[float, Within(0.01, 100)] = 1.0
    """s of the levels of the steps, t -> s t / (1 + (s - 1) t) of pure noise (Esser et al., arXiv
    2403.03206, equation 23): more than 1 takes more of them where layout is decided. Flows have
    their own."""

    past_level: Level = 0
    """Noise level (of 1000) that the past frames get while a chunk is generated."""

    guidance: Annotated[float, Within(0, 1000)] = 0.0
    """g of classifier-free guidance by the action: where motion is decided, g times what the action
    changes in the slow weights' prediction is added to it, less where the chunk is remembered; 0
    adds nothing."""

    guided_from: Level = 1000
    """Noise level (of 1000) from which on up it is added; 1000 is pure noise, the first step."""

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def size(self) -> Size:
        """Height and width of the frames in pixels."""
        return Size.of(self.frame_size, self.frame_width)
