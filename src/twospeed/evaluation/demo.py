"""The demo: walk unseen episodes, look away, come back, and show what is remembered.

Writes ``demo.mp4``, ``sheet.png``, ``index.html`` and ``figures.json``. Episodes are taken in the
order of their seeds, and the first one is shown: nothing is picked for its looks.
"""

import itertools
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from twospeed.core.arguments import check_kind
from twospeed.core.config import to_json
from twospeed.core.fields import check_fields
from twospeed.core.files import StrPath, as_path, read_json, write_json, written_aside
from twospeed.core.folders import FolderKind, check_shared
from twospeed.core.page import png_of
from twospeed.core.pictures import write_picture
from twospeed.core.progress import progress
from twospeed.core.ranges import Seed, Within
from twospeed.core.runs.locks import held
from twospeed.core.video import Frames, write_video
from twospeed.evaluation.metrics.frames import psnr_db
from twospeed.evaluation.protocols.base import ProtocolConfig, check_moves, world_for
from twospeed.evaluation.protocols.observed_return import Outcome, count_chunks, run_observed_return
from twospeed.evaluation.protocols.scores import score
from twospeed.evaluation.protocols.walks import Walk, draw_walks
from twospeed.evaluation.reports.page import interval_text, render_page
from twospeed.evaluation.reports.pictures import Picture, contact_sheet, side_by_side
from twospeed.evaluation.reports.plots import plot_arms, plot_way_back
from twospeed.evaluation.reports.provenance import provenance_of
from twospeed.evaluation.reports.summary import summarise_route
from twospeed.worldmodel.model import WorldModel

KIND, VARIANT = "other_way", "other direction"
SHOWN = {"truth": "truth", "without memory": "off", "with memory": "on"}
SHEET = {"truth": "truth", "without memory": "off", "with memory": "on", "other's memory": "swap"}
STORY = (
    "The camera walks through an episode that no training has seen, turns once all the way round,"
    " goes away and comes back on a tour; these true frames are observed and the memory is written."
    " Then it turns round in the other direction, and every frame is generated from the last four"
    " frames and the actions alone: only what was written can know what comes into view."
)
ENLARGE = 4
STOPPED = "stopped after"
"""How the line begins when Ctrl-C came before the last episode."""


def _is_demo(folder: Path) -> bool:
    return {"line", "route", "provenance"} <= read_json(folder / "figures.json").keys()


DEMO = FolderKind(
    name="a demo",
    files=("demo.mp4", "sheet.png", "index.html", "figures.json"),
    sign=_is_demo,
)
"""What `run_demo` writes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoConfig:
    """What the demo walks."""

    episodes: Annotated[int, Within(1, 1_000_000)] = 12
    """Episodes for the figures; the first one is shown."""

    first_seed: Seed = 810_000
    """Seeds from here on are tried for such walks; nothing is trained or tuned on them."""

    settings: ProtocolConfig
    """Memory, noise, batches."""

    def __post_init__(self) -> None:
        check_fields(self)


def run_demo(model: WorldModel, out: StrPath, config: DemoConfig) -> str:
    """Write the four files into `out` and return one line that says what they show.

    Progress is shown on standard error. Ctrl-C ends it early, with the episodes that are done.

    Raises:
        KeyboardInterrupt: when none was done before it.
        DataError: when a file cannot be written, `out` holds files of these names that are no
            demo's, or the model's chunks or moves are not those of routes.
    """
    out = as_path(out, "out")
    check_shared(out, DEMO)
    check_kind(model, WorldModel, "model")
    started = time.monotonic()
    check_moves(model)
    with held(out):
        return _run(model, out, config, started)


def _run(model: WorldModel, out: Path, config: DemoConfig, started: float) -> str:
    walks = list(itertools.islice(_walks(model, config.first_seed), config.episodes))
    outcomes: list[Outcome] = []
    with (
        suppress(KeyboardInterrupt),
        progress("demo", total=count_chunks(walks), unit="chunks") as advance,
    ):
        outcomes.extend(run_observed_return(model, walks, config.settings, advance=advance))
    if not outcomes:
        raise KeyboardInterrupt
    outcomes.sort(key=lambda outcome: outcome.walk.route.seed)
    route = summarise_route([score(one) for one in outcomes], seed=config.settings.seed)
    is_partial = len(outcomes) < len(walks)
    walks = [outcome.walk for outcome in outcomes]
    line = one_line(route)
    if is_partial:
        line = f"{STOPPED} {len(outcomes)} of {config.episodes} episodes: {line}"
    figures = {
        "line": line,
        "route": route,
        "facts": _facts(model, walks, time.monotonic() - started),
        "provenance": provenance_of(model) | {"config": to_json(config)},
    }
    _write_files(out, outcomes, figures, frames_per_second=model.settings.frames_per_second)
    return line


def one_line(route: dict[str, Any]) -> str:
    """Say in one line what the figures of a route show, whatever it is."""
    psnr = route["psnr_db"]
    off, swap = route["gain_over_off_db"], route["gain_over_swap_db"]
    return (
        f"{_verdict(off, swap)}: PSNR at revisits {psnr['on']['mean']:.2f} dB with memory,"
        f" {psnr['off']['mean']:.2f} without ({interval_text(off, sign='+')}),"
        f" {psnr['swap']['mean']:.2f} with another episode's ({interval_text(swap, sign='+')});"
        f"{_landmarks(route['landmark_recall'])} {route['episodes']} episodes"
    )


def _landmarks(recalled: dict[str, Any]) -> str:
    """Return the part of the line on landmarks; nothing where a world does not tell its own."""
    if recalled["on"]["mean"] is None:
        return ""
    on, off, swap = (f"{100 * recalled[arm]['mean']:.0f} %" for arm in ("on", "off", "swap"))
    return f" landmarks recalled {on}, {off} and {swap} (chance 12.5 %);"


def _verdict(off: dict[str, Any], swap: dict[str, Any]) -> str:
    if min(off["low"], swap["low"]) > 0:
        return "this episode's memory brings pictures nearer to the truth"
    if off["high"] < 0:
        return "memory does harm here"
    if off["low"] > 0:
        return "writing helps, but another episode's memory helps about as much"
    return "no sure effect of memory here"


def _walks(model: WorldModel, first_seed: int) -> Iterator[Walk]:
    for seed in itertools.count(first_seed):
        size, world = model.settings.frame_size, world_for(model)
        walk = draw_walks(KIND, [seed], size=size, world=world)[0]
        if walk.route.variant == VARIANT:
            yield walk


def _facts(model: WorldModel, walks: list[Walk], seconds: float) -> dict[str, Any]:
    where = provenance_of(model)
    return {
        "seeds": ", ".join(str(walk.route.seed) for walk in walks),
        "writes an episode": ", ".join(str(walk.num_writes) for walk in walks),
        "frames": f"{model.settings.frame_size} x {model.settings.frame_size} pixels",
        "model hash": where["model"]["hash"],
        "code": f"{where['code']['version']}, {where['code']['source_hash']}",
        "hardware": f"{where['hardware']['processor']}, {where['hardware']['threads']} threads",
        "seconds": round(seconds, 1),
    }


def _write_files(
    out: Path, outcomes: list[Outcome], figures: dict[str, Any], *, frames_per_second: float
) -> None:
    """Make everything first, then write it."""
    video, sheet = _video(outcomes[0]), _sheet(outcomes[0])
    page = _page(outcomes, figures, sheet)
    write_video(out / "demo.mp4", video, frames_per_second=frames_per_second)
    write_picture(out / "sheet.png", sheet)
    with written_aside(out / "index.html") as aside:
        aside.write_text(page, encoding="utf-8")
    write_json(out / "figures.json", figures)


def _page(outcomes: list[Outcome], figures: dict[str, Any], sheet: Picture) -> str:
    arms = ("truth", "on", "off", "swap")
    psnr = {arm: [psnr_db(o.frames[arm], o.walk.truth_back) for o in outcomes] for arm in arms}
    return render_page(
        figures,
        title="twospeed: what is remembered of a place out of sight",
        line=figures["line"],
        story=STORY,
        sheets={f"Episode {outcomes[0].walk.route.seed}": png_of(sheet)},
        plots={
            "PSNR of every frame of the way back, mean over episodes": plot_way_back(psnr),
            "All arms: means and 95 % intervals": plot_arms(figures["route"]),
        },
    )


def _video(outcome: Outcome) -> Frames:
    """Show what was seen in all panels, then the three ways back."""
    walk = outcome.walk
    seen = walk.frames[: walk.route.first_generated]
    truth = {"truth": walk.truth_back}
    videos = {
        name: np.concatenate([seen, (outcome.frames | truth)[arm]]) for name, arm in SHOWN.items()
    }
    words = [action for action in walk.route.actions for _ in range(4)]
    captions = ["the first frame"] + [
        f"{'seen' if frame < len(seen) else 'GENERATED'}: {word}"
        for frame, word in enumerate(words, start=1)
    ]
    return side_by_side(videos, captions, factor=ENLARGE)


def _sheet(outcome: Outcome) -> Picture:
    """Show every other revisited frame of four arms."""
    walk = outcome.walk
    chosen = walk.revisits[1::2]
    frames = outcome.frames | {"truth": walk.truth_back}
    return contact_sheet(
        {name: frames[arm][chosen] for name, arm in SHEET.items()},
        [f"frame {frame + 1}" for frame in chosen],
        title=f"the generated way back of episode {walk.route.seed}: {walk.route.variant}",
        factor=2,
    )
