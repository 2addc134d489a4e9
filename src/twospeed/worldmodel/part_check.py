"""What the files of a model's part may ask for: no code, no kernels, no other files, no pickles.

diffusers and transformers do what configurations say, so these are looked at first.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twospeed.core.errors import DataError
from twospeed.core.fields import shown
from twospeed.core.files import read_json
from twospeed.core.strangers.places import check_bare

_CODE = ("auto_map", "custom_pipelines", "trust_remote_code")
_KERNELS = ("attn_implementation", "_attn_implementation", "experts_implementation")
_IGNORED = "special_tokens_map_file"  # published tokenizers hold a path there, which nobody opens
_WEIGHTS = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")
_REDIRECT = "adapter_config.json"


def check_part(place: Path) -> None:
    """Refuse a folder that asks for more than its own plain files.

    Raises:
        DataError: when it names code, a kernel of a hub, a file that lies elsewhere or weights that
            are no safetensors, stands for another model, or its only weights are pickles.
    """
    if (place / _REDIRECT).exists():
        raise DataError(f"{place} holds {_REDIRECT}, which stands for another model: remove it")
    for path in sorted(place.glob("*config.json")):
        for name, value in _items_in(read_json(path)):
            _check_setting(name, value, path)
    for path in sorted(place.glob("*.index*.json")):
        files = read_json(path).get("weight_map")
        if not isinstance(files, dict):
            raise DataError(f"{path} has no weight_map")
        for name in files.values():
            check_bare(name, ".safetensors", f"each file of {path.name}")
    pickles = [path for path in sorted(place.glob("*")) if path.suffix in _WEIGHTS]
    if pickles and not any(place.glob("*.safetensors")):
        raise DataError(
            f"{place} holds its weights as {pickles[0].name}, which can run code: only safetensors"
            " are read; convert them on a machine that you can spare"
        )


def _check_setting(name: str, value: Any, path: Path) -> None:
    if name in _CODE and value:
        raise DataError(f"{path} asks for code of its own ({name}), and none is run: remove it")
    if name in _KERNELS and value not in (None, "eager", "sdpa"):
        raise DataError(f"{path}: {name} is eager or sdpa, got {shown(value)}")
    is_place = name.endswith(("_file", "_files")) and name != _IGNORED
    if is_place and isinstance(value, str) and ("/" in value or "\\" in value):
        raise DataError(f"{path}: {name} is a file of this folder, got {shown(value)}")


def _items_in(values: Any) -> Iterator[tuple[str, Any]]:
    """Yield all names and values, of objects within objects too."""
    if isinstance(values, dict):
        yield from values.items()
        for value in values.values():
            yield from _items_in(value)
    elif isinstance(values, list):
        for value in values:
            yield from _items_in(value)
