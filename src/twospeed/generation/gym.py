"""`DreamEnv`: a dream as a Gymnasium environment, so that an agent can act in it."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from twospeed.core.arguments import FramesLike
from twospeed.core.errors import ConfigError
from twospeed.core.files import StrPath
from twospeed.core.video import first_frame_of
from twospeed.generation.dream import Dream
from twospeed.memory.config import FastLearningConfig
from twospeed.memory.fast_weights import FastWeights
from twospeed.worldmodel.model import WorldModel

Frame = NDArray[np.uint8]


class DreamEnv(gymnasium.Env[Frame, np.int64]):
    """An action is a command; what is observed is the last frame of the chunk it brings.

    There is no task: the reward is always 0 and an episode ends only by its length. All frames of
    the chunk are in ``info["frames"]``, uint8 (chunk_frames, H, W, 3).

    Args:
        model: the slow weights.
        first_frame: as `Dream` takes it; every episode begins with it.
        actions: the commands; an action is an index into them. None takes those that the model
            was trained on, in the order of `Vocabulary.actions`.
        memory: how fast weights are written, anew in every episode; None dreams without.
        max_chunks: length of an episode.

    Raises:
        ConfigError: when there are no actions or no chunks.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012

    def __init__(
        self,
        model: WorldModel,
        first_frame: "FramesLike | StrPath",
        *,
        actions: Sequence[str] | None = None,
        memory: FastLearningConfig | None = None,
        max_chunks: int = 1000,
    ) -> None:
        if actions is None and model.vocabulary:
            actions = tuple(model.vocabulary.actions)
        if not actions or max_chunks < 1:
            raise ConfigError(
                "a dream to act in needs at least one action (actions=[...]) and one chunk"
            )
        size = model.settings.size
        self.actions = tuple(actions)
        self.action_space = spaces.Discrete(len(self.actions))
        self.observation_space = spaces.Box(0, 255, (*size, 3), np.uint8)
        self.render_mode = "rgb_array"
        self.metadata = self.metadata | {"render_fps": model.settings.frames_per_second}
        self.max_chunks = max_chunks
        self._model, self._memory = model, memory
        self._first_frame = first_frame_of(first_frame, size).copy()
        self._frame = self._first_frame.copy()
        self._dream: Dream | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Frame, dict[str, Any]]:
        """Begin an episode; the same seed and actions give the same frames.

        Args:
            seed: decides all noise; None draws one.
            options: "first_frame" begins with another frame.
        """
        super().reset(seed=seed)
        number = int(self.np_random.integers(2**31))
        first = (options or {}).get("first_frame", self._first_frame)
        self._frame = first_frame_of(first, self._model.settings.size).copy()
        memory = FastWeights(self._model, self._memory, seeds=(number,)) if self._memory else None
        self._dream = Dream(self._model, self._frame, memory=memory, seed=number)
        return self._frame.copy(), {"seed": number}

    def step(self, action: np.int64) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
        """Dream one chunk.

        Raises:
            ConfigError: before the first `reset`.
        """
        if self._dream is None:
            raise ConfigError("call reset() before step()")
        frames = self._dream.step(self.actions[int(action)])
        self._frame = frames[-1]
        over = self._dream.num_chunks >= self.max_chunks
        return self._frame.copy(), 0.0, False, over, {"frames": frames}

    def render(self) -> Frame:
        """Return the frame that was seen last, uint8 (H, W, 3)."""
        return self._frame.copy()

    def save(self, path: StrPath) -> None:
        """Write the running dream as a folder (`Dream.save`).

        Raises:
            ConfigError: before the first `reset`.
        """
        if self._dream is None:
            raise ConfigError("call reset() before save()")
        self._dream.save(path)
