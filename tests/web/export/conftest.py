"""A page of static files of a tiny model, and what runs it."""

import shutil
import subprocess

import pytest

from twospeed.memory.config import ViewConfig
from twospeed.training.data.vocabulary import known_to
from twospeed.web.export.site import RUNTIME, SiteConfig, write_site

RUNTIME_WEB = "onnxruntime-web@1.30.0"


@pytest.fixture(scope="session")
def exported_model(make_viewing_model):
    return make_viewing_model()


@pytest.fixture
def no_runtime(tmp_path):
    """A folder with empty files where those of the runtime would be: enough to write the page."""
    for name in RUNTIME:
        (tmp_path / "runtime" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "runtime" / name).touch()
    return tmp_path / "runtime"


@pytest.fixture(scope="session")
def runtime_web(tmp_path_factory):
    """The true runtime, by npm."""
    if shutil.which("npm") is None:
        pytest.skip("no npm, which brings ONNX Runtime Web")
    folder = tmp_path_factory.mktemp("npm")
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), RUNTIME_WEB]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"npm could not install it: {done.stderr[-200:]}")
    return folder / "node_modules" / "onnxruntime-web" / "dist"


@pytest.fixture(scope="session")
def site(exported_model, runtime_web, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "www"
    config = SiteConfig(labels=("rooms:7", "rooms:11"), memory=ViewConfig())
    write_site(exported_model, known_to(exported_model), folder, runtime=runtime_web, config=config)
    return folder
