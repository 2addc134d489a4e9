"""The process of Minetest under Xvfb: commands through a file, pictures from the screen's memory.

Holds: `Engine`, `Answer`, `SCREEN`. Xvfb keeps its screen in a file, which is read without a
server's help; a coloured square in the corner says which command the picture shows.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from twospeed.core.errors import DataError, MissingExtraError
from twospeed.worlds.base import Frame, find_program

SCREEN = (352, 256)
"""Width and height of the engine's screen in pixels; the square is outside the middle."""

_LIBC = ctypes.CDLL(None)
_SET_DEATH_SIGNAL = 1  # Linux, prctl(2)
_CODES = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255))
_START_SECONDS = 90.0
_ANSWER_SECONDS = 120.0
_STILL_ROUNDS = 4  # a third of a second each: the sky grows bright slowly
_LEAST_CONTRAST = 5.0  # grey levels; fog alone, before any land is drawn, has none
_FRAMES_AFTER = 0.06  # seconds: the picture after the one that first shows the code
_SETTINGS = """
screen_w = {width}
screen_h = {height}
fps_max = 60
viewing_range = 70
enable_sound = false
enable_clouds = false
view_bobbing_amount = 0
fall_bobbing_amount = 0
time_speed = 0
creative_mode = true
enable_damage = false
show_debug = false
dedicated_server_step = 0.02
mg_name = v7
fixed_map_seed = 20260101
name = singleplayer
enable_particles = false
node_highlighting = none
chat_log_level = none
smooth_lighting = true
fov = 74
hud_scaling = 1
gui_scaling = 1
max_block_send_distance = 6
max_block_generate_distance = 6
active_block_range = 1
"""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Answer:
    """What the engine says after a command."""

    place: tuple[float, float, float]
    """The feet, in metres; y is up."""

    yaw: float
    """Radians to the left from +z."""

    pitch: float
    """Radians, down above 0."""

    block: tuple[float, ...] | None
    """The block in reach of the look."""

    screen: Frame
    """(256, 352, 3)."""


class Engine:
    """Minetest with one player, who obeys.

    Raises:
        MissingExtraError: when a program is missing.
        DataError: when it does not start.
    """

    last: Answer

    def __init__(self) -> None:
        for program in ("minetest", "Xvfb"):
            if find_program(program) is None:
                raise MissingExtraError(
                    f"this needs {program!r}, which is not installed: apt-get install minetest xvfb"
                )
        self._folder = tempfile.TemporaryDirectory(prefix="twospeed-minetest-")
        self._home = Path(self._folder.name)
        self._world = self._home / "worlds" / "land"
        self._write_world()
        self._count = 0
        self._processes: list[subprocess.Popen[bytes]] = []
        self._start()

    def ask(self, command: str, *, settle: bool = False) -> Answer:
        """Give a command and return what is so when it is done.

        Args:
            command: a line that the mod understands.
            settle: wait until the picture stands still, as after a jump to another place.

        Raises:
            DataError: when the engine is gone or does not answer.
        """
        self._count += 1
        aside = self._world / "command.part"
        aside.write_text(f"{self._count} {command}\n")
        aside.replace(self._world / "command.txt")
        numbers = self._await_state()
        self._await_code()
        screen = self._still_screen() if settle else self._screen()
        x, y, z, yaw, pitch, is_hit, *block = numbers
        self.last = Answer(
            place=(x, y, z),
            yaw=yaw,
            pitch=pitch,
            block=tuple(block) if is_hit else None,
            screen=screen,
        )
        return self.last

    def close(self) -> None:
        """Stop both processes and remove their folder."""
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        self._folder.cleanup()

    def _write_world(self) -> None:
        mod = self._world / "worldmods" / "twospeed"
        (mod / "textures").mkdir(parents=True)
        shutil.copy(Path(__file__).parent / "minetest_mod" / "init.lua", mod / "init.lua")
        (mod / "mod.conf").write_text("name = twospeed\ndepends = default\n")
        for number, colour in enumerate(_CODES):
            Image.new("RGB", (1, 1), colour).save(mod / "textures" / f"twospeed_{number}.png")
        (self._world / "world.mt").write_text(
            "gameid = minetest\nbackend = sqlite3\nplayer_backend = files\nauth_backend = files\n"
        )
        settings = _SETTINGS.format(width=SCREEN[0], height=SCREEN[1])
        (self._home / "minetest.conf").write_text(settings)

    def _start(self) -> None:
        read, write = os.pipe()
        size = f"{SCREEN[0]}x{SCREEN[1]}x24"
        options = ["-screen", "0", size, "-fbdir", str(self._home), "-nolisten", "tcp"]
        self._run(["Xvfb", "-displayfd", str(write), *options], pass_fds=(write,))
        os.close(write)
        with os.fdopen(read) as pipe:
            display = pipe.readline().strip()
        if not display:
            self.close()
            raise DataError("Xvfb does not start: is the disk or /tmp full?")
        options = ["--go", "--world", str(self._world), "--gameid", "minetest"]
        options += ["--config", str(self._home / "minetest.conf")]
        environment = {"DISPLAY": f":{display}", "MINETEST_USER_PATH": str(self._home)}
        environment |= {"HOME": str(self._home), "LIBGL_ALWAYS_SOFTWARE": "1"}
        self._run(["minetest", *options], environment=environment)
        self._wait(lambda: self._code() == 0, _START_SECONDS, "start")

    def _run(
        self,
        command: list[str],
        *,
        pass_fds: tuple[int, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        program = find_program(command[0])
        log = (self._home / f"{command[0]}.log").open("wb")
        with log:
            process = subprocess.Popen(
                [str(program), *command[1:]],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._home,
                pass_fds=pass_fds,
                env=os.environ | (environment or {}),
                preexec_fn=_end_with_us,
            )
        self._processes.append(process)

    def _wait(self, is_so: Callable[[], bool], seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not is_so():
            ended = [it for it in self._processes if it.poll() is not None]
            if ended or time.monotonic() > end:
                reason = "it has ended" if ended else f"nothing came in {seconds:.0f} s"
                log = (self._home / "minetest.log").read_text(errors="replace").strip()
                self.close()
                raise DataError(f"Minetest does not {what}: {reason}; its log ends: {log[-300:]}")
            time.sleep(0.004)

    def _await_state(self) -> list[float]:
        """Return the numbers of the answer to the last command."""
        path, head = self._world / "state.txt", f"{self._count} "
        self._wait(
            lambda: path.exists() and path.read_text().startswith(head), _ANSWER_SECONDS, "answer"
        )
        return [float(number) for number in path.read_text().split()[1:]]

    def _await_code(self) -> None:
        code = self._count % len(_CODES)
        self._wait(lambda: self._code() == code, _ANSWER_SECONDS, "draw")
        time.sleep(_FRAMES_AFTER)

    def _code(self) -> int | None:
        """Return the number that the square in the corner shows, or None."""
        colour = self._screen()[3, 3]
        away = np.abs(np.array(_CODES, int) - colour).sum(axis=1)
        return int(away.argmin()) if away.min() < 60 else None

    def _still_screen(self) -> Frame:
        """Return the picture when land is there and nothing, the sky neither, changes any more."""
        seen = [self._screen()]
        for _ in range(30):
            time.sleep(0.35)
            seen = [*seen, self._screen()][-1 - _STILL_ROUNDS :]
            is_still = np.abs(seen[-1].astype(int) - seen[0]).mean() < 0.5
            if len(seen) > _STILL_ROUNDS and is_still and seen[-1].std() > _LEAST_CONTRAST:
                break
        return seen[-1]

    def _screen(self) -> Frame:
        """Read the screen: an X window dump, whose header says how long it is."""
        path = self._home / "Xvfb_screen0"
        dump = np.fromfile(path, np.uint8) if path.exists() else np.zeros(0, np.uint8)
        if dump.size < 100:
            return np.zeros((SCREEN[1], SCREEN[0], 3), np.uint8)
        header = dump[:100].view(">u4")
        start, line, colours = int(header[0]), int(header[12]), int(header[19])
        pixels: NDArray[np.uint8] = dump[start + 12 * colours :][: line * SCREEN[1]]
        rows = pixels.reshape(SCREEN[1], line)[:, : 4 * SCREEN[0]]
        bgrx = rows.reshape(SCREEN[1], SCREEN[0], 4)
        return np.ascontiguousarray(bgrx[..., 2::-1])


def _end_with_us() -> None:
    """Run in a new process: have the kernel end it when ours dies, however that comes about.

    Ours is the thread that starts it: an engine lives as long as the thread that has made it.
    """
    if hasattr(_LIBC, "prctl"):
        _LIBC.prctl(_SET_DEATH_SIGNAL, signal.SIGTERM)
