"""The Doom engine as a world: first person, textured mazes or real levels, no monsters, true poses.

Holds: `Doom`, which drives the engine of the ViZDoom package (extra ``doom``) in lock-step.
Needs no display and no sound. A step is one push and the glide after it, until the player stands
still, so that the ways there and back are equally long.
"""

import contextlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image

from twospeed.core.errors import ConfigError, lookup, require
from twospeed.core.fields import checked
from twospeed.worlds.base import About, Action, Frame, Observation, Pose
from twospeed.worlds.language import MOVES, a_little, by_text

UNITS_PER_METRE = 32.0
"""Map units of the engine that we call a metre: its player is 56 units, 1.75 m, tall."""

_PUSH = 26.0  # the engine's unit; one push carries the player 8 map units, a quarter metre
_GLIDE_TICS = 28  # after so many tics a pushed player stands still
_COMMANDS: dict[str, tuple[float, float, float]] = {  # push ahead, push to the right, degrees right
    "go forward": (_PUSH, 0.0, 0.0),
    "go back": (-_PUSH, 0.0, 0.0),
    "turn left": (0.0, 0.0, -22.5),
    "turn right": (0.0, 0.0, 22.5),
    "step left": (0.0, -_PUSH, 0.0),
    "step right": (0.0, _PUSH, 0.0),
    "turn left a little": (0.0, 0.0, -5.625),
    "turn right a little": (0.0, 0.0, 5.625),
    "go forward a little": (_PUSH / 4, 0.0, 0.0),
}
_SCREENS = ((160, 120), (256, 192), (320, 240), (640, 480), (1024, 768))
_GAME_ARGUMENTS = (
    "-nosound -nomonsters +movebob 0 "
    # without its armour, which is the goal, the maze has no end
    "+alwaysapplydmflags 1 +sv_noarmor 1 +sv_noitems 1"
)
_LEVELS = tuple(f"map{number:02d}" for number in range(1, 33))
_WANDER_CHUNKS = 60


class Doom:
    """The maze `my_way_home` of ViZDoom, or a level of Freedoom.

    The seed sets where an episode starts and where it looks. Turns are 22.5 degrees a step, moves
    0.25 m a step (2 % more or less, with the heading); walls stop a move. The picture is the
    middle square of the engine's screen: 73.7 degrees wide, as high as wide.
    """

    actions: Mapping[str, Action] = MOVES | by_text(
        *(a_little(MOVES[name]) for name in ("turn left", "turn right", "go forward"))
    )
    about = About(
        domain="first-person navigation",
        engine="ViZDoom",
        install="pip install 'twospeed[doom]'",
        package="vizdoom",
        modules=("vizdoom",),
        reach=3 / 4,  # the screen is 4 wide, 3 high and seen at 90 degrees; frames are its middle
    )
    frames_per_second = 4.0

    def __init__(self, *, frame_size: int = 64, level: str | None = None) -> None:
        """Start the engine.

        Args:
            frame_size: height and width of the frames in pixels, 16 to 768.
            level: None for the maze, or a level of Freedoom, "map01" to "map32". A level starts
                where a random walk of the seed ends. An episode that reaches its exit stands
                still from then on.

        Raises:
            MissingExtraError: when ViZDoom is not installed.
            ConfigError: when the engine has no screen that large, or no such level.
        """
        vizdoom = require("vizdoom", extra="doom")
        self._frame_size = frame_size
        self._wanders = level is not None
        self._game = vizdoom.DoomGame()
        self._configure_level(vizdoom, level)
        self._configure_screen(vizdoom, frame_size)
        self._configure_controls(vizdoom)
        self._folder = tempfile.TemporaryDirectory(prefix="twospeed-doom-")
        with contextlib.chdir(self._folder.name):  # the engine drops files where it starts
            self._game.init()
        self._last: Observation | None = None

    def reset(self, seed: int) -> Observation:
        """Start the episode of this seed, 0 to 2**32 - 1."""
        seed = checked(seed, int, "seed")
        if not 0 <= seed < 2**32:
            raise ConfigError(f"doom takes seeds from 0 to 4294967295, got {seed}")
        self._game.set_seed(seed)
        self._game.new_episode()
        if self._wanders:
            self._wander(np.random.default_rng(seed))
        self._last = self._observe()
        return self._last

    def step(self, action: str) -> Observation:
        """Carry out one frame's worth of a command."""
        command = lookup(_COMMANDS, action, "action")
        if self._last is None:
            raise ConfigError("reset the world before the first step")
        self._act(command)
        if not self._game.is_episode_finished():
            self._last = self._observe()
        return Observation(frame=self._last.frame.copy(), pose=self._last.pose)

    def close(self) -> None:
        """Stop the engine."""
        self._game.close()
        self._folder.cleanup()

    def _wander(self, generator: np.random.Generator) -> None:
        self._game.send_game_command("god")
        for _ in range(_WANDER_CHUNKS):
            names = ("go forward", "go forward", "turn left", "turn right")
            command = _COMMANDS[names[generator.integers(len(names))]]
            for _ in range(4):
                self._act(command)

    def _act(self, command: tuple[float, float, float]) -> None:
        if self._game.is_episode_finished():
            return
        self._game.make_action(list(command))
        if command[:2] != (0.0, 0.0) and not self._game.is_episode_finished():
            self._game.make_action([0.0, 0.0, 0.0], _GLIDE_TICS)

    def _observe(self) -> Observation:
        state = self._game.get_state()
        x, y, heading = (float(value) for value in state.game_variables)
        pose = Pose(x=x / UNITS_PER_METRE, y=y / UNITS_PER_METRE, heading=heading % 360.0)
        return Observation(frame=_square(state.screen_buffer, self._frame_size), pose=pose)

    def _configure_level(self, vizdoom: ModuleType, level: str | None) -> None:
        folder = Path(vizdoom.scenarios_path)
        if level is None:
            self._game.set_doom_scenario_path(str(folder / "my_way_home.wad"))
        elif level in _LEVELS:
            self._game.set_doom_game_path(str(folder.parent / "freedoom2.wad"))
        else:
            raise ConfigError(f"a level is called map01 to map32, got {level!r}")
        self._game.set_doom_map(level or "map01")
        self._game.set_doom_skill(4)
        self._game.set_mode(vizdoom.Mode.PLAYER)
        self._game.set_episode_start_time(10)
        self._game.set_episode_timeout(0)
        self._game.add_game_args(_GAME_ARGUMENTS)

    def _configure_screen(self, vizdoom: ModuleType, frame_size: int) -> None:
        fitting = [size for size in _SCREENS if size[1] >= frame_size]
        if frame_size < 16 or not fitting:
            raise ConfigError(f"doom makes frames of 16 to 768 pixels, got {frame_size}")
        name = "RES_{}X{}".format(*fitting[0])
        self._game.set_screen_resolution(getattr(vizdoom.ScreenResolution, name))
        self._game.set_screen_format(vizdoom.ScreenFormat.RGB24)
        self._game.set_window_visible(False)
        for thing in ("hud", "weapon", "crosshair", "decals", "particles", "messages"):
            getattr(self._game, f"set_render_{thing}")(False)

    def _configure_controls(self, vizdoom: ModuleType) -> None:
        button, variable = vizdoom.Button, vizdoom.GameVariable
        self._game.set_available_buttons(
            [
                button.MOVE_FORWARD_BACKWARD_DELTA,
                button.MOVE_LEFT_RIGHT_DELTA,
                button.TURN_LEFT_RIGHT_DELTA,
            ]
        )
        self._game.set_available_game_variables(
            [variable.POSITION_X, variable.POSITION_Y, variable.ANGLE]
        )


def _square(screen_HWC: Frame, size: int) -> Frame:
    """Cut the middle square out of the screen and make it `size` pixels wide."""
    height, width, _ = screen_HWC.shape
    left = (width - height) // 2
    middle = Image.fromarray(screen_HWC[:, left : left + height])
    return np.array(middle.resize((size, size), Image.Resampling.BOX))
