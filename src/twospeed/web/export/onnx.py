"""A graph as an ONNX file; large weights are stored in half precision, as packaged models are."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from twospeed.core.errors import require
from twospeed.web.export.graphs import Graph

OPSET = 20
"""Of ONNX; the first one whose `GridSample` has the form of the framework's."""

EXTRA = "export"
"""The extra of `pyproject.toml` with what writing takes."""

_LARGE = 1_024  # numbers of a weight from which on it is stored in half precision


def check_can_write() -> None:
    """Refuse before any work where a library is missing.

    Raises:
        MissingExtraError: then.
    """
    for library in ("onnx", "onnxscript"):
        require(library, extra=EXTRA)


def write_graph(graph: Graph, path: Path) -> None:
    """Write one graph."""
    free = {name: _axes(graph.free.get(name, {})) for name in graph.inputs}
    with _quiet():
        program: Any = torch.onnx.export(
            graph.module.eval().requires_grad_(False),
            (),
            kwargs=dict(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_shapes=free,
            opset_version=OPSET,
            verbose=False,
        )
    model = program.model_proto
    _halve_(model)
    path.write_bytes(model.SerializeToString())


def _axes(free: Mapping[int, int]) -> dict[int, Any] | None:
    return {axis: torch.export.Dim.DYNAMIC(min=least) for axis, least in free.items()} or None


def _halve_(model: Any) -> None:
    """Store large weights in half precision, in place, each before a cast back."""
    onnx = require("onnx", extra=EXTRA)
    casts = []
    for weight in model.graph.initializer:
        is_float = weight.data_type == onnx.TensorProto.FLOAT
        if is_float and np.prod(weight.dims) >= _LARGE:
            name, values = weight.name, onnx.numpy_helper.to_array(weight)
            half = onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.half")
            weight.CopyFrom(half)
            casts.append(
                onnx.helper.make_node("Cast", [half.name], [name], to=onnx.TensorProto.FLOAT)
            )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the framework says to its own developers to itself."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)
