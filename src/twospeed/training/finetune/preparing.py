"""What every training beside or on a model that is there begins with: the model, and latents."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from twospeed.core.config import to_json
from twospeed.core.files import StrPath, as_path
from twospeed.data.recorder import refuse_testing
from twospeed.training.data.alike import AlikeSource
from twospeed.training.data.sources import ShardSource
from twospeed.training.data.telling import check_rates, data_note
from twospeed.training.data.vocabulary import actions_of, sayings_of, vocabulary_of
from twospeed.training.data.windows import LatentWindows
from twospeed.training.finetune.data import cached_windows, fit_model
from twospeed.training.parallel.processes import is_sharded
from twospeed.training.pipeline import own_run
from twospeed.worldmodel.model import WorldModel


@contextmanager
def prepared(
    config: Any,
    initial: StrPath,
    data: StrPath,
    out: Path,
    *,
    accelerator: Accelerator,
    dtype: str = "float32",
) -> Iterator[tuple[WorldModel, LatentWindows]]:
    """Open a model, hold a folder for this run alone (`claimed`), and encode the data.

    Args:
        config: of the run, a dataclass; written down in `out`.
        initial: a packaged model, a folder of ours or of a diffusers pipeline, or a hub id.
        data: folder or URL of recorded shards.
        out: folder of this run alone.
        accelerator: says where; a model that will be split over processes stays on the CPU.
        dtype: precision of the model's weights.

    Raises:
        DataError: when `out` holds another run, or the data are damaged or for testing only.
        ConfigError: when the model cannot take the data's frames or chunks.
    """
    place = str(data) if "://" in str(data) else as_path(data, "data")
    source = AlikeSource.of(ShardSource(folder=place))
    refuse_testing(source.contents().last_seed)
    home = "cpu" if is_sharded(accelerator) else accelerator.device
    model = WorldModel.from_pretrained(initial, torch_dtype=dtype, device=home, offload=True)
    model.text_encoder.works_on = accelerator.device
    if model.settings.world:  # the rate of another maker's weights is a habit alone
        asked = getattr(config, "frames_per_second", None)
        check_rates(source, model.settings.frames_per_second, asked, "frames_per_second")
    fit_model(model, source)
    wanted = {
        "config": to_json(config),
        "initial": str(initial),
        "initial_weights": model.hash(),
        "data": data_note(source),
    }
    with own_run(out, wanted, accelerator):
        with accelerator.main_process_first():
            windows = cached_windows(model, source, out / "latents", accelerator.device)
        _tell(model, windows)
        yield model, windows


def _tell(model: WorldModel, windows: LatentWindows) -> None:
    """Take over the words and the rate of the data; encode all texts once."""
    actions = actions_of(windows.said_in(), model.vocabulary)
    windows.sayings = sayings_of(actions)
    known = vocabulary_of(windows.said_in(), actions)
    model.vocabulary = known.joined(model.vocabulary) if model.vocabulary else known
    model.settings = windows.recorded_as(model.settings)
    model.text_encoder.encode(["", *(text for said in windows.sayings.values() for text in said)])
