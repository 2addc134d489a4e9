"""A whole observed video into a memory, chunk by chunk, so that a place filmed once is known."""

from collections.abc import Iterator, Sequence

from twospeed.core.arguments import FramesLike, as_frames, as_texts
from twospeed.core.errors import ShapeError
from twospeed.memory.fast_weights import FastWeights, WriteRecord


def learn_video(
    memory: FastWeights, frames_THWC: FramesLike, actions: Sequence[str] = ("",)
) -> Iterator[WriteRecord]:
    """Write every whole chunk of a video; yield what each write did.

    Args:
        memory: of one episode.
        frames_THWC: uint8 frames of the model's size; what is left after the last whole chunk is
            not learned.
        actions: the command of each chunk; the last one goes on for the rest. "" is none.

    Raises:
        KindError: when they are no frames or no texts.
        ShapeError: when there is not one frame and a chunk after it, or no action.
    """
    model, texts = memory.model, as_texts(actions)
    frames = as_frames(frames_THWC, "THWC")
    chunk, past = model.settings.chunk_frames, model.past_latents
    count = (len(frames) - 1) // chunk
    if count < 1 or not texts:
        raise ShapeError(
            f"a video to learn has {1 + chunk} frames or more, the first one and a chunk, got"
            f" {len(frames)}"
        )
    latents = model.encode(frames[None, : 1 + count * chunk]).to(model.device)
    new = model.latents_in(chunk)
    for index in range(count):
        end = 1 + (index + 1) * new
        window = latents[:, :, max(0, end - new - past) : end]
        said = texts[min(index, len(texts) - 1)]
        yield from memory.observe(window, [said], past_frames=window.shape[2] - new)
