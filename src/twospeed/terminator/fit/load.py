"""Open what a fit left behind: its recipe, its network with the chosen weights, its reader."""

from dataclasses import dataclass

from twospeed.core.config import from_json
from twospeed.core.errors import DataError
from twospeed.core.files import StrPath, as_path, read_json
from twospeed.core.random import generator_of
from twospeed.terminator.datasets.examples import ExampleSet, split_off
from twospeed.terminator.fit.batches import Reader, reader_for
from twospeed.terminator.fit.build import build_network
from twospeed.terminator.fit.checkpoint import load_weights_
from twospeed.terminator.fit.config import FitConfig
from twospeed.terminator.fit.fingerprint import check_data
from twospeed.terminator.network import Terminator


@dataclass(frozen=True, kw_only=True)
class SavedFit:
    """A trained Terminator and how it reads pictures."""

    config: FitConfig
    """The recipe."""

    network: Terminator
    """With the weights of the best epoch, in evaluation mode."""

    reader: Reader
    """Pictures to inputs."""


def open_fit(folder: StrPath, data: ExampleSet) -> SavedFit:
    """Open the folder of a fit on `data`.

    Raises:
        DataError: when it holds no fit, one on other data, or one of a peer.
    """
    folder = as_path(folder, "folder")
    if not (folder / "config.json").is_file():
        raise DataError(f"{folder} holds no fit: give the folder that `twospeed fit` wrote (--out)")
    check_data(folder, data)
    config = from_json(FitConfig, read_json(folder / "config.json"))
    network = build_network(config, data)
    if not isinstance(network, Terminator):
        raise DataError(f"{folder} holds a {config.network.learner}, not a Terminator")
    load_weights_(folder / "best.safetensors", network)
    train, _ = split_off(
        data.train, config.validation_share, generator_of(config.seed, "validation")
    )
    return SavedFit(config=config, network=network.eval(), reader=reader_for(config, train))
