"""What strangers write is never run: held for all of the source, not for the calls of today."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "twospeed"
FILES = sorted(SOURCE.rglob("*.py"))
OPENERS = {"WorldModel", "TextEncoder", "NoiseSchedule"}
"""Ours, whose `from_pretrained` hands on to `load_local`; and a class method of theirs."""
LOADER = "worldmodel/loading.py"
UNPICKLER = "terminator/datasets/cifar_pickle.py"
JUDGES = "evaluation/yardstick/outside.py"
"""Networks by which papers judge: files that their user puts there."""
DANGEROUS = {"pickle", "cPickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "yaml"}
NEVER = {"extractall", "unpack_archive", "urlopen", "urlretrieve", "format_map", "hf_hub_download"}


def name_of(path):
    return path.relative_to(SOURCE).as_posix()


def calls_in(path):
    return [it for it in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(it, ast.Call)]


def options_of(call):
    return {it.arg: getattr(it.value, "value", None) for it in call.keywords}


def called(call):
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def is_ours(node):
    """Whether a text is written in our source: a literal, or a constant by its name."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id.isupper())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_is_unpickled_or_evaluated(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [it.name for it in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert name_of(path) == UNPICKLER or not DANGEROUS & {it.split(".")[0] for it in names}
    for call in calls_in(path):
        assert not (isinstance(call.func, ast.Name) and call.func.id in {"eval", "exec", "compile"})
        text, options = ast.unparse(call.func), options_of(call)
        assert called(call) not in NEVER
        assert text != "np.load" or options.get("allow_pickle") is False, "say allow_pickle=False"
        if text in {"torch.load", "torch.jit.load", "torch.hub.load"}:
            assert name_of(path) == JUDGES
            assert text == "torch.jit.load" or options.get("weights_only") is True


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_models_are_opened_by_one_guarded_function(path):
    for call in calls_in(path):
        options = options_of(call)
        assert options.get("trust_remote_code", False) is False
        assert options.get("use_safetensors", True) is True
        assert options.get("local_files_only", True) is True
        assert called(call) != "snapshot_download" or path.name == "hub.py"
        if called(call) == "from_pretrained" and name_of(path) != LOADER:
            assert ast.unparse(call.func.value) in OPENERS, f"line {call.lineno}: use load_local"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_text_of_a_stranger_is_a_format(path):
    for call in calls_in(path):
        if called(call) == "format" and isinstance(call.func, ast.Attribute):
            assert is_ours(call.func.value), f"line {call.lineno}: a format must be a constant"
