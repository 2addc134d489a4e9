"""Run a recall protocol over kinds of routes and gather every number of the report."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from twospeed.core.arguments import check_kind
from twospeed.core.config import to_json
from twospeed.core.errors import ConfigError, lookup
from twospeed.core.fields import check_fields
from twospeed.core.progress import progress
from twospeed.core.ranges import Seed, Within
from twospeed.evaluation.protocols.base import (
    ProtocolConfig,
    check_moves,
    check_world,
    world_for,
)
from twospeed.evaluation.protocols.commanded import action_accuracy
from twospeed.evaluation.protocols.drift import CHUNKS, measure_drift
from twospeed.evaluation.protocols.generated_return import (
    count_generated_chunks,
    run_generated_return,
)
from twospeed.evaluation.protocols.observed_return import count_chunks, run_observed_return
from twospeed.evaluation.protocols.scores import EpisodeScores, score
from twospeed.evaluation.protocols.timing import seconds_per_chunk
from twospeed.evaluation.protocols.unseen import UnseenConfig, measure_unseen
from twospeed.evaluation.protocols.walks import Walk, draw_walks
from twospeed.evaluation.reports.provenance import provenance_of
from twospeed.evaluation.reports.summary import summarise_route
from twospeed.evaluation.yardstick.features import network_folder, network_hash
from twospeed.worldmodel.model import WorldModel
from twospeed.worlds.language import MOVES
from twospeed.worlds.routes.base import EXACT, KINDS, PERTURBED

FIRST_TEST_SEED = 800_000
"""Episodes from here on are for testing only: nothing is trained or tuned on them."""

OBSERVED, GENERATED = "observed_return", "generated_return"
PROTOCOLS = {
    OBSERVED: OBSERVED,
    GENERATED: GENERATED,
    "seen": OBSERVED,
    "dreamed": GENERATED,
}
"""Name of a protocol, or the name that it had before -> its name."""

NOTES = {
    "psnr_db": "dB, data range 255, colour; mean over revisited frames, then over episodes;"
    " a frame with a mean squared error below 1 counts as 1",
    "ssim": "colour, Gaussian window of sigma 1.5, data range 255",
    "landmark_recall": "share of landmarks at revisits whose true identity is the nearest of 8;"
    " chance is 0.125; null where a world does not tell its landmarks",
    "intervals": "percentile bootstrap over episodes, 95 %, 2000 draws; gains are paired",
    "curve": "age is the number of frames since the latest visit of the same pose",
    "first_visit": "outward chunks predicted one step ahead before they are learned, new frames",
    "arms": "all through the autoencoder; random adds as much to each layer as the memory does;"
    " lookup replays raw latents of seen chunks, there and back: same command, nearest past",
    "writes": "observed return: memories learn on the way out only, unless write_on_return;"
    " generated return: every generated chunk",
    "unseen": "Fréchet distance of features of a small network trained on true clips (of this world"
    " where there is one, else of rooms), from the true clips of four times as many other episodes,"
    " of the seeds that follow; without memory",
    "action_accuracy": "nearest of six true outcomes on the first two frames; without memory, and"
    ' below "on" with a memory of the way out; "warp" moves the last frame as a picture 2 m away',
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RecallConfig:
    """What is measured."""

    routes: tuple[str, ...] = EXACT
    """Kinds of routes; those of `PERTURBED` for an observed return alone."""

    episodes: Annotated[int, Within(1, 1_000_000)] = 64
    """Episodes of each kind."""

    first_seed: Seed = FIRST_TEST_SEED
    """Seed of the first episode; the others follow."""

    world: str | None = None
    """Where routes are walked; None for the world that the model is of."""

    protocol: str = OBSERVED
    """"observed_return": the way out is observed; "generated_return": all but the first frame is
    generated."""

    settings: ProtocolConfig
    """Memory, noise, batches."""

    command_episodes: Annotated[int, Within(0, 1_000_000)] = 16
    """Episodes on which obedience to commands is tried; 0 leaves it out."""

    timed_chunks: Annotated[int, Within(1, 1_000_000)] = 5
    """Chunks on the clock, after those that warm up."""

    drift_episodes: Annotated[int, Within(0, 1_000_000)] = 0
    """Episodes of a dream of 1,000 frames each; 0 leaves drift out."""

    drift_chunks: Annotated[int, Within(1, 1_000_000)] = CHUNKS
    """Length of such a dream."""

    unseen_episodes: Annotated[int, Within(0, 1_000_000)] = 0
    """Episodes of places never seen (protocols/unseen.py), at least 2; 0 leaves them out."""

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "protocol", lookup(PROTOCOLS, self.protocol, "protocol"))
        for kind in self.routes:
            lookup(dict.fromkeys(KINDS), kind, "route")
        if self.protocol == GENERATED and set(self.routes) & set(PERTURBED):
            raise ConfigError(
                f"a dream comes back to its own first visit: routes {', '.join(EXACT)}, got"
                f" {', '.join(self.routes)}"
            )
        if not (self.routes or self.unseen_episodes):
            raise ConfigError("recall needs at least one kind of route")


def measure_recall(
    model: WorldModel, config: RecallConfig, *, earlier: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Run the protocol on unseen episodes and return the report as JSON values.

    Progress is shown on standard error. Ctrl-C ends it early: what is measured by then is
    reported, and ``partial`` says of which route, and how many of its episodes.

    Args:
        model: whose memory is measured.
        config: what is measured.
        earlier: a partial report of the same; routes that are whole in it are not measured again.

    Raises:
        DataError: when the model's chunks or moves are not those of the routes.
        KeyboardInterrupt: when nothing was measured before it.
    """
    report: dict[str, Any] = {
        "protocol": config.protocol,
        "routes": {},
        "notes": NOTES,
        "provenance": provenance_of(model) | {"config": to_json(config)},
    }
    if config.routes:
        report |= _on_routes(model, config, _whole_routes(earlier, report))
    if config.unseen_episodes and "partial" not in report:
        report["unseen"] = measure_unseen(model, _unseen_config(config))
        folder = network_folder(world_for(model, config.world))
        report["provenance"]["clip_network"] = network_hash(folder)
    return report


def _whole_routes(earlier: dict[str, Any] | None, report: dict[str, Any]) -> dict[str, Any]:
    """Return the whole routes of a partial report of the same model and settings."""
    told = (earlier or {}).get("provenance", {})
    here = report["provenance"]
    same = told.get("model", {}).get("hash") == here["model"]["hash"] and all(
        told.get(name) == here[name] for name in ("config", "code")
    )
    if earlier is None or not same:
        return {}
    stopped = earlier.get("partial", {}).get("route")
    return {kind: it for kind, it in earlier["routes"].items() if kind != stopped}


def _on_routes(model: WorldModel, config: RecallConfig, known: dict[str, Any]) -> dict[str, Any]:
    check_kind(model, WorldModel, "model")
    check_moves(model)
    check_world(model, world_for(model, config.world))
    walks = {kind: _walks(model, kind, config) for kind in config.routes}
    routes = {}
    for kind, chosen in walks.items():
        if kind in known:
            routes[kind] = known[kind]
            continue
        scores = _run(model, kind, chosen, config)
        if scores:
            routes[kind] = summarise_route(scores, seed=config.settings.seed)
        if len(scores) < len(chosen):
            if not routes:
                raise KeyboardInterrupt
            partial = {"route": kind, "episodes": len(scores), "of": len(chosen)}
            return {"routes": routes, "partial": partial}
    first = walks[config.routes[0]]
    report = {"routes": routes, "seconds_per_chunk": _timed(model, first[0], config)}
    if config.command_episodes:
        tried = first[: config.command_episodes]
        report["action_accuracy"] = action_accuracy(model, tried, config.settings)
    if config.drift_episodes:
        report["drift"] = _drift(model, first[: config.drift_episodes], config)
    return report


def _unseen_config(config: RecallConfig) -> UnseenConfig:
    return UnseenConfig(
        episodes=config.unseen_episodes,
        first_seed=config.first_seed,
        world=config.world,
        seed=config.settings.seed,
    )


def _walks(model: WorldModel, kind: str, config: RecallConfig) -> list[Walk]:
    seeds = range(config.first_seed, config.first_seed + config.episodes)
    world = world_for(model, config.world)
    return draw_walks(kind, seeds, size=model.settings.frame_size, world=world)


def _run(
    model: WorldModel, kind: str, walks: Sequence[Walk], config: RecallConfig
) -> list[EpisodeScores]:
    """Return the scores of all episodes, or of those before Ctrl-C."""
    is_observed = config.protocol == OBSERVED
    total = count_chunks(walks) if is_observed else count_generated_chunks(walks)
    scores: list[EpisodeScores] = []
    with (
        suppress(KeyboardInterrupt),
        progress(f"recall, {kind}", total=total, unit="chunks") as advance,
    ):
        if is_observed:
            outcomes = run_observed_return(model, walks, config.settings, advance=advance)
            scores.extend(score(outcome) for outcome in outcomes)
        else:
            scores.extend(run_generated_return(model, walks, config.settings, advance=advance))
    return sorted(scores, key=lambda one: one.walk.route.seed)


def _timed(model: WorldModel, one: Walk, config: RecallConfig) -> dict[str, Any]:
    moves = list(MOVES)
    actions = [moves[index % len(moves)] for index in range(config.timed_chunks + 2)]
    way_out = one.route.actions[: one.num_writes]
    memory = config.settings.memory
    return dict(seconds_per_chunk(model, one.frames[0], actions, memory, way_out=way_out))


def _drift(model: WorldModel, walks: Sequence[Walk], config: RecallConfig) -> dict[str, Any]:
    total = 2 * config.drift_chunks * len(walks)
    with progress("drift", total=total, unit="chunks") as advance:
        return measure_drift(
            model, walks, config.settings, advance=advance, chunks=config.drift_chunks
        )
