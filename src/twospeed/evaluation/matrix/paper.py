"""The tables of SlowFast-VGen by one command each: which memories under which protocols.

Table 1 has the slow model and the full system; table 4 takes parts of TEMP-LORA away. The controls
stand below: a frozen frame wins cuts and consistency, and moves not at all.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twospeed.core.files import write_json, written_aside
from twospeed.evaluation.matrix.protocol import load_protocol
from twospeed.evaluation.matrix.run import MatrixConfig, run_matrix
from twospeed.evaluation.reports.page import interval_text

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperTable:
    """Rows and columns of a table."""

    memories: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    """Protocol -> metrics."""


_LONG = ("scene_cuts", "src", "src_twospeed", "motion_kept")

TABLES: dict[str, PaperTable] = {
    "paper_1": PaperTable(
        memories=("none", "paper", "default"),
        columns={
            "next_chunk": ("fvd_i3d", "frechet_twospeed", "psnr_db", "ssim", "lpips"),
            "long_rollout": _LONG,
        },
    ),
    "paper_4": PaperTable(
        memories=("paper_next", "paper_whole_sequence", "paper_last_frame", "none", "paper"),
        columns={"long_rollout": _LONG},
    ),
}
"""Name -> table."""


def run_table(
    table: PaperTable, config: MatrixConfig, out: Path, *, weights: Path | None = None
) -> Json:
    """Run a table's protocols into folders below `out`, and write ``table.json`` and ``table.md``.

    Args:
        table: one of `TABLES`.
        config: model, episodes, seeds, processes; its protocol and memories take no part.
        out: a folder; what was done there goes on.
        weights: folder of the weights of others.

    Returns:
        "memories" and "controls" -> arm -> "protocol metric" -> figures, and the warnings.

    Raises:
        DataError, UnknownNameError, ConfigError: as `run_matrix`.
    """
    found: Json = {"memories": {}, "controls": {}, "warnings": []}
    for name, metrics in table.columns.items():
        once = dataclasses.replace(config, protocol=load_protocol(name), memories=table.memories)
        report = run_matrix(once, out / name, weights=weights)
        for kind in ("memories", "controls"):
            for arm, figures in report[kind].items():
                row = found[kind].setdefault(arm, {})
                row |= {f"{name} {metric}": figures[metric] for metric in metrics}
        found["warnings"] += report["warnings"]
    write_json(out / "table.json", found)
    with written_aside(out / "table.md") as aside:
        aside.write_text(markdown_of(found), encoding="utf-8")
    return found


def markdown_of(found: Json) -> str:
    """Return a table as Markdown; what is not computed is a dash."""
    arms = found["memories"] | found["controls"]
    names = list(next(iter(arms.values())))
    lines = [f"| | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|"]
    for arm, row in arms.items():
        cells = ("-" if "mean" not in row[it] else interval_text(row[it]) for it in names)
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
