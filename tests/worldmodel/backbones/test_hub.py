"""The hub over HTTP, on this machine: a model is fetched, a gated or missing one is one line."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pipelines
import pytest

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated.*")
SHA = "0123456789abcdef0123456789abcdef01234567"
REFUSALS = {
    "/api/models/maker/gated/revision/main": (403, "GatedRepo"),
    "/api/models/maker/gone/revision/main": (404, "RepoNotFound"),
    "/api/models/maker/whole/revision/v9": (404, "RevisionNotFound"),
}
ASK = """
import json, sys
from twospeed.core.errors import TwospeedError
from twospeed.worldmodel.model import WorldModel
for name, revision in json.loads(sys.argv[1]):
    try:
        print(WorldModel.from_pretrained(name, revision=revision).origin.family.name)
    except TwospeedError as error:
        print(type(error).__name__, type(error.__cause__).__name__, error)
"""


class Hub(http.server.BaseHTTPRequestHandler):
    """Answers as the hub does: one model, and the refusals."""

    root = Path()
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self):
        path = self.path.partition("?")[0]
        self.asked.append(path)
        if "/torn/" in path:
            return self.close_connection
        if path in REFUSALS:
            status, code = REFUSALS[path]
            return self._say(status, b"{}", {"X-Error-Code": code})
        if path == "/api/models/maker/whole/revision/main":
            return self._say(200, json.dumps(self._description()).encode())
        if path == f"/api/models/maker/whole/tree/{SHA}":
            return self._say(200, json.dumps(list(self._files())).encode())
        _, _, name = path.partition("/maker/whole/resolve/")
        file = self.root / name.partition("/")[2]
        if name and file.is_file():
            return self._say(
                200,
                file.read_bytes(),
                {"X-Repo-Commit": SHA, "ETag": f'"{hashlib.sha256(name.encode()).hexdigest()}"'},
            )
        return self._say(404, b"{}", {"X-Error-Code": "EntryNotFound"})

    do_HEAD = do_GET

    def _files(self):
        for file in sorted(it for it in self.root.rglob("*") if it.is_file()):
            name, size = str(file.relative_to(self.root)), file.stat().st_size
            yield {"type": "file", "path": name, "rfilename": name, "size": size, "oid": SHA}

    def _description(self):
        files = list(self._files())
        return {"id": "maker/whole", "modelId": "maker/whole", "sha": SHA, "siblings": files}

    def _say(self, status, content, headers=None):
        self.send_response(status)
        for name, value in {"Content-Length": len(content), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Return what was said of each name, and which paths were asked for."""
    root = tmp_path_factory.mktemp("hub")
    pipelines.make("wan_21", root).save_pretrained(root / "whole")
    (root / "whole" / "transformer" / "weights.bin").write_bytes(b"a pickle")
    (root / "whole" / "code.py").write_text("raise SystemExit")
    Hub.root = root / "whole"
    names = [
        ("maker/gated", None), ("maker/gone", None), ("maker/whole", "v9"),
        ("maker/torn", None), ("maker/whole", None),
    ]  # fmt: skip
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {name: it for name, it in os.environ.items() if not name.startswith("HF_")}
        done = subprocess.run(
            [sys.executable, "-c", ASK, json.dumps(names)],
            env={
                **environment,
                "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
                "HF_HOME": str(root / "home"),
                "NO_PROXY": "127.0.0.1",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        server.shutdown()
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines(), list(Hub.asked)


@pytest.mark.parametrize(
    ("place", "cause", "message"),
    [
        (0, "GatedRepoError", "is gated: accept its terms"),
        (1, "RepositoryNotFoundError", "no folder and no model of the hub"),
        (2, "RevisionNotFoundError", "has no revision 'v9'"),
        (3, "", "hub cannot be reached"),
    ],
    ids=["gated", "gone", "revision", "torn"],
)
def test_what_the_hub_refuses_is_one_line(answers, place, cause, message):
    said = answers[0][place]
    assert said.startswith(f"DataError {cause}")
    assert message in said


def test_a_model_is_fetched_without_pickles_or_code(answers):
    said, asked = answers
    assert said[4:] == ["wan"]
    assert any(path.endswith("transformer/diffusion_pytorch_model.safetensors") for path in asked)
    assert not any(path.endswith((".bin", ".py")) for path in asked)
