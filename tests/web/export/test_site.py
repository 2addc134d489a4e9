"""Static files: refusals before any work, and every graph against the parts that it is made of."""

import numpy as np
import pytest
import torch

from twospeed.core.errors import ConfigError, DataError, UnknownNameError
from twospeed.memory.config import ViewConfig
from twospeed.training.data.vocabulary import known_to
from twospeed.web.export.graphs import graphs_of
from twospeed.web.export.onnx import write_graph
from twospeed.web.export.site import SiteConfig, write_site

CONFIG = SiteConfig(labels=("rooms:7",), memory=ViewConfig())


def write(model, folder, runtime, config=CONFIG):
    write_site(model, known_to(model), folder, runtime=runtime, config=config)


def test_a_missing_runtime_is_named_with_the_way_to_get_it(viewing_model, tmp_path):
    with pytest.raises(DataError, match=r"ort\.wasm\.min\.mjs.*npm install onnxruntime-web"):
        write(viewing_model, tmp_path / "www", tmp_path)
    assert not (tmp_path / "www").exists()


def test_a_model_without_a_renderer_is_refused(model, tmp_path, no_runtime):
    with pytest.raises(ConfigError, match="have a renderer"):
        write(model, tmp_path / "www", no_runtime)
    assert not (tmp_path / "www").exists()


def test_a_folder_of_ones_own_is_left_alone(viewing_model, tmp_path, no_runtime):
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match=r"thesis\.txt"):
        write(viewing_model, tmp_path / "www", no_runtime)


def test_a_start_that_no_world_has_is_refused_before_graphs_are_written(
    viewing_model, tmp_path, no_runtime
):
    config = SiteConfig(labels=("atlantis:7",), memory=ViewConfig())
    with pytest.raises(UnknownNameError, match="atlantis"):
        write(viewing_model, tmp_path / "www", no_runtime, config)
    assert not (tmp_path / "www").exists()


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize(
    "name", ["encode", "look", "ahead", "between", "recalled", "denoise", "draw"]
)
def test_a_graph_gives_what_the_parts_give_at_any_number_of_clips(name, exported_model, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    graph = graphs_of(exported_model, ViewConfig())[name]
    write_graph(graph, tmp_path / "graph.onnx")
    session = runtime.InferenceSession(tmp_path / "graph.onnx", providers=["CPUExecutionProvider"])
    for inputs in (graph.inputs, more(graph)):
        with torch.no_grad():
            expected = graph.module(**inputs)
        found = session.run(None, {name: it.numpy() for name, it in inputs.items()})
        for one, other in zip(found, as_tuple(expected), strict=True):
            # half-precision weights; a pixel at the edge between two grey levels may take either
            assert np.quantile(np.abs(one - other.numpy()), 0.99) < 5e-3


def more(graph):
    """The same inputs with one more clip where there may be any number."""
    return {
        name: torch.cat([it, it.flip(0)[:1]]) if 0 in graph.free.get(name, ()) else it
        for name, it in graph.inputs.items()
    }


def as_tuple(values):
    return values if isinstance(values, tuple) else (values,)
