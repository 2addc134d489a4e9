"""The table of a comparison: a row per variant over all seeds, as Markdown and as curves."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

from twospeed.terminator.fit.plots import save_figure
from twospeed.terminator.fit.result import FitResult


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """One variant over all seeds."""

    name: str
    """Of the variant."""

    parameters: int
    """Trained numbers."""

    learning_rate: float
    """At its peak."""

    accuracies: tuple[float, ...]
    """Test accuracy per seed."""

    validation: tuple[float, ...]
    """Mean accuracy on the held-out examples after each epoch."""

    processor_seconds: tuple[float, ...]
    """Mean processor time of training up to the end of each epoch."""

    @property
    def mean(self) -> float:
        """Mean test accuracy."""
        return statistics.fmean(self.accuracies)

    @property
    def spread(self) -> float:
        """Standard deviation over seeds; 0 for one seed."""
        return statistics.stdev(self.accuracies) if len(self.accuracies) > 1 else 0.0


def row_of(name: str, learning_rate: float, fits: Sequence[FitResult]) -> ComparisonRow:
    """Summarise the fits of one variant."""
    return ComparisonRow(
        name=name,
        parameters=fits[0].parameters,
        learning_rate=learning_rate,
        accuracies=tuple(fit.accuracy for fit in fits),
        validation=_means([fit.validation for fit in fits]),
        processor_seconds=_means([fit.processor_seconds for fit in fits]),
    )


def _means(values: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(statistics.fmean(column) for column in zip(*values, strict=True))


def epochs_shown(count: int) -> list[int]:
    """Return the epochs, counted from 1, whose accuracy a table shows: first, a quarter, half."""
    return sorted({1, max(1, round(count / 4)), max(1, round(count / 2))})


def markdown_of(rows: Sequence[ComparisonRow]) -> str:
    """Write the rows as a Markdown table; accuracies in percent, mean and deviation over seeds."""
    shown = epochs_shown(len(rows[0].validation))
    heads = ["variant", "test, %", *(f"held out, epoch {epoch}, %" for epoch in shown)]
    heads += ["rate", "parameters", "processor s"]
    lines = [f"| {' | '.join(heads)} |", f"|---{'|---:' * (len(heads) - 1)}|"]
    for row in rows:
        cells = [row.name, _accuracy(row)]
        cells += [f"{100 * row.validation[epoch - 1]:.1f}" for epoch in shown]
        cells += [f"{row.learning_rate:g}", f"{row.parameters:,}"]
        cells.append(f"{row.processor_seconds[-1]:.1f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _accuracy(row: ComparisonRow) -> str:
    spread = f" ± {100 * row.spread:.2f}" if len(row.accuracies) > 1 else ", one seed"
    return f"{100 * row.mean:.2f}{spread}"


def plot_rows(rows: Sequence[ComparisonRow], path: Path) -> None:
    """Draw held-out accuracy by epoch and by processor second, a line per variant."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    by_epoch, by_second = figure.subplots(1, 2, sharey=True)
    for number, row in enumerate(rows):
        style = {"marker": ".", "color": f"C{number % 10}", "label": row.name}
        style["linestyle"] = ("-", "--", ":")[number // 10 % 3]
        by_epoch.plot(range(1, len(row.validation) + 1), row.validation, **style)
        by_second.plot(row.processor_seconds, row.validation, **style)
    by_epoch.set(xlabel="epochs", ylabel="accuracy on held-out examples")
    by_second.set(xlabel="processor seconds of training", xscale="log")
    by_epoch.xaxis.set_major_locator(MaxNLocator(integer=True))
    by_second.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    by_second.xaxis.set_major_formatter(ScalarFormatter())
    by_second.xaxis.set_minor_formatter(NullFormatter())
    figure.legend(*by_epoch.get_legend_handles_labels(), loc="outside right upper", fontsize=7)
    save_figure(figure, path)
