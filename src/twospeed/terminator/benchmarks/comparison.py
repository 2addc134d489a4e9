"""Tables of fits: peers of equal size and ablations, over seeds, with the same budget."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from twospeed.core.errors import ConfigError
from twospeed.core.files import StrPath, as_path, write_json, written_aside
from twospeed.core.folders import FolderKind, check_shared
from twospeed.core.runs.locks import held
from twospeed.terminator.baselines import IMAGE_PEERS, SEQUENCE_PEERS
from twospeed.terminator.benchmarks.comparison_table import (
    ComparisonRow,
    markdown_of,
    plot_rows,
    row_of,
)
from twospeed.terminator.datasets.examples import ExampleSet
from twospeed.terminator.fit.config import FitConfig
from twospeed.terminator.fit.loop import fit_examples
from twospeed.terminator.fit.result import FitResult

Change = Callable[[FitConfig], FitConfig]


def with_block(**choices: object) -> Change:
    """Return a change of settings that all blocks share."""

    def change(config: FitConfig) -> FitConfig:
        block = replace(config.network.block, **choices)  # type: ignore[arg-type]
        return replace(config, network=replace(config.network, block=block))

    return change


def with_learner(name: str) -> Change:
    """Return a change of the learner to a peer of equal size, trained with AdamW."""
    return lambda config: replace(
        config, optimizer="adamw", network=replace(config.network, learner=name)
    )


def without_branch(name: str) -> Change:
    """Return a change that leaves one branch out."""

    def change(config: FitConfig) -> FitConfig:
        kept = tuple(branch for branch in config.network.block.branches if branch != name)
        network = replace(config.network, earlier=without_earlier(name, config.network.earlier))
        return with_block(branches=kept)(replace(config, network=network))

    return change


def without_earlier(name: str, earlier: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the wiring without e1 or e2 when that is the branch left out."""
    return tuple(
        (0 if name == "e1" else first, 0 if name == "e2" else second) for first, second in earlier
    )


def peer_variants(config: FitConfig) -> dict[str, Change]:
    """Return the recipe itself and every peer that can read its layout."""
    peers = [*IMAGE_PEERS, "longconv"] if config.layout == "image" else list(SEQUENCE_PEERS)
    return {"terminator": lambda unchanged: unchanged, **{p: with_learner(p) for p in peers}}


def ablation_variants(config: FitConfig) -> dict[str, Change]:
    """Return every ablation of a recipe, by name."""
    variants: dict[str, Change] = {
        "as it is": lambda unchanged: unchanged,
        "no slow loss": lambda c: replace(c, slow_weight=0.0),
        "kar3": lambda c: replace(c, optimizer="kar3", betas=(0.5, 0.95)),
        "gates as published": with_block(gate="sigmoid", hci_order="before"),
        "frozen alpha and beta": with_block(learned_renormalization=False),
        "stopped gradient": with_block(stop_gradient=True),
        "kernels per batch": with_block(local_context="batch"),
        "batch statistics": with_block(statistics="batch"),
        "omega0 10": with_block(omega0=10.0),
        "omega0 2000": with_block(omega0=2000.0),
    }
    for name in there(config):
        variants[f"without {name}"] = without_branch(name)
    return variants


def there(config: FitConfig) -> list[str]:
    """Return the branches that some block has: e1 and e2 only where one takes them."""
    taken = {f"e{i + 1}" for pair in config.network.earlier for i in (0, 1) if pair[i]}
    absent = {"e1", "e2"} - taken
    return [name for name in config.network.block.branches if name not in absent]


VARIANTS: dict[str, Callable[[FitConfig], dict[str, Change]]] = {
    "peers": peer_variants,
    "ablations": ablation_variants,
}


COMPARISON: FolderKind = FolderKind(
    name="a comparison",
    files=("table.json", "table.md", "curves.png"),
    sign=lambda folder: all((folder / name).exists() for name in COMPARISON.files),
)
"""What `compare` writes beside the folders of its fits."""


def compare(
    config: FitConfig, data: ExampleSet, variants: Mapping[str, Change], out: StrPath,
    *, seeds: Sequence[int], rates: Sequence[float] = (), device: str = "cpu",
) -> list[ComparisonRow]:  # fmt: skip
    """Fit every variant with every seed; finished fits in `out` are not done again.

    Writes a folder per variant and seed, and after each seed the table, into `out`.

    Args:
        config: the recipe that is varied.
        data: examples.
        variants: name -> change.
        out: folder.
        seeds: one fit each.
        rates: peak rates that every variant tries with the first seed; it keeps the one with the
            best held-out accuracy. Without any, all take the recipe's.
        device: such as "cpu" or "cuda".

    Returns:
        A row per variant, best first.

    Raises:
        ConfigError: without variants or seeds.
        DataError: when `out` holds files of these names that are no comparison's.
    """
    out = as_path(out, "out")
    check_shared(out, COMPARISON)
    if not variants or not seeds:
        raise ConfigError("a comparison needs at least one variant and one seed")
    with held(out):
        return _compare(config, data, variants, out, seeds, rates, device)


def _compare(
    config: FitConfig,
    data: ExampleSet,
    variants: Mapping[str, Change],
    out: Path,
    seeds: Sequence[int],
    rates: Sequence[float],
    device: str,
) -> list[ComparisonRow]:
    fits: dict[str, list[FitResult]] = {name: [] for name in variants}
    chosen: dict[str, float] = {}
    for seed in seeds:
        for name, change in variants.items():
            varied, folder = change(replace(config, seed=seed)), out / name.replace(" ", "-")
            if rates and name not in chosen:
                chosen[name] = best_rate(varied, data, folder, rates, device=device)
            rate = chosen.setdefault(name, varied.learning_rate)
            fits[name].append(fit_at(rate, varied, data, folder, named=bool(rates), device=device))
        rows = [row_of(name, chosen[name], done) for name, done in fits.items()]
        rows.sort(key=lambda row: row.mean, reverse=True)
        write_table(rows, out)
    return rows


def best_rate(
    config: FitConfig, data: ExampleSet, out: Path, rates: Sequence[float], *, device: str
) -> float:
    """Fit with every rate and return the one whose chosen model is best on held-out examples.

    Of equals the one that was better over all epochs. The test part has no say.
    """

    def held_out(rate: float) -> tuple[float, float]:
        fit = fit_at(rate, config, data, out, named=True, device=device)
        return max(fit.validation), sum(fit.validation)

    return max(rates, key=held_out)


def fit_at(
    rate: float, config: FitConfig, data: ExampleSet, out: Path, *, named: bool, device: str
) -> FitResult:
    """Fit with a peak rate; `named` puts it into the folder's name."""
    folder = out / f"rate-{rate:g}" if named else out
    varied = replace(config, learning_rate=rate)
    return fit_examples(varied, data, folder / f"seed-{config.seed}", device=device)


def write_table(rows: Sequence[ComparisonRow], out: Path) -> None:
    """Write table.json, table.md and curves.png."""
    write_json(out / "table.json", [asdict(row) for row in rows])
    with written_aside(out / "table.md") as aside:
        aside.write_text(markdown_of(rows), encoding="utf-8")
    plot_rows(rows, out / "curves.png")
