"""Tiny pipelines of every family, made and saved once for all tests here."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """Return a function name -> folder of a tiny pipeline that diffusers saved."""
    import pipelines

    root, made = tmp_path_factory.mktemp("pipelines"), {}

    def save(name):
        if name not in made:
            pipelines.make(name, root).save_pretrained(root / name)
            made[name] = root / name
        return made[name]

    return save
