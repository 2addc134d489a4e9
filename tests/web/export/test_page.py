"""The page of static files in a true browser: as the model itself dreams, and in the hand."""

import copy
import functools
import http.server
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from twospeed.core.random import generator_of
from twospeed.generation.dream import Dream
from twospeed.memory.config import ViewConfig
from twospeed.memory.files import load_memory
from twospeed.memory.memory_file import open_memories
from twospeed.web.export.starts import look_round

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WALK = ("turn left", "go forward", "turn right", "step left")
DREAM = """async ([walk, noises, isSeen, sampling]) => {
  const { Graphs } = await import("./graphs.js");
  const { Dream } = await import("./dream.js");
  const { startAt, tensorsAt } = await import("./starts.js");
  const written = await (await fetch("world.json")).json();
  const world = { ...written, ...sampling };
  const graphs = await Graphs.load(["look", "ahead", "between", "draw", "recalled", "denoise"]);
  const dream = new Dream(world, (await tensorsAt("./texts.safetensors")).tensors.texts, graphs);
  const start = await startAt(0, world);
  if (isSeen) dream.memory.state = start.seen;
  dream.begin(isSeen ? start.last : start.first);
  const dims = [world.chunk_frames, world.channels, world.cells, world.cells];
  const shown = { memory: [], plain: [] };
  for (const [place, action] of walk.entries()) {
    const { frames } = await dream.step(action, { data: Float32Array.from(noises[place]), dims });
    for (const [pane, { data }] of Object.entries(frames)) shown[pane].push([...data]);
  }
  const { rows, pose } = dream.memory.state;
  return { shown, pose, poses: rows.kept.map((it) => it.pose) };
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def served_site(site):
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.handle_error = lambda *_: None  # a page that closes while files come
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def page(chromium, served_site):
    page, complaints = chromium.new_page(), []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda it: complaints.append(it.url) if is_foreign(it.url) else None)
    page.goto(served_site)
    page.wait_for_timeout(2_000)  # the first visit loads itself again, with its service worker
    page.wait_for_selector("html[data-state=ready]", timeout=120_000)
    yield page
    page.close()
    assert not complaints


def is_foreign(url):
    return not url.startswith(("http://127.0.0.1:", "blob:", "data:"))


def noise_of(model, chunk):
    """What `Dream.step` draws, frames first."""
    settings, renderer = model.settings, model.renderer.config
    cells = renderer.latent_cells
    shape = renderer.latent_channels, settings.chunk_frames, cells, cells
    return torch.randn(shape, generator=generator_of(0, "chunk", chunk)).transpose(0, 1)


@pytest.mark.parametrize(
    ("is_seen", "order", "steps", "shift", "past"),
    [(True, 1, 2, 1.0, 4), (False, 1, 5, 3.0, 8), (True, 2, 5, 3.0, 4)],
)
def test_the_page_dreams_what_the_model_dreams(
    is_seen, order, steps, shift, past, page, exported_model
):
    sampling = {"sampling_order": order, "sampling_steps": steps, "sampling_shift": shift}
    sampling["past_frames"] = past
    model = copy.copy(exported_model)
    model.settings = replace(exported_model.settings, **sampling)
    start = look_round("rooms:7", model, ViewConfig())
    seen = start.dream if is_seen else begun(model, start.frame)
    plain = begun(model, start.frame, memory=False)
    plain.past, seen.num_chunks = seen.past, 0
    expected = {
        pane: np.stack([dream.step(action) for action in WALK])
        for pane, dream in (("memory", seen), ("plain", plain))
    }
    noises = [noise_of(model, chunk).flatten().tolist() for chunk in range(len(WALK))]
    found = page.evaluate(DREAM, [WALK, noises, is_seen, sampling])
    for pane, frames in expected.items():
        pixels = np.array(found["shown"][pane]).reshape(len(WALK), -1, 3, *frames.shape[2:4])
        shown = (pixels.transpose(0, 1, 3, 4, 2) + 1) * 127.5
        assert np.abs(shown - frames).mean() < 1
    kept = seen.memory.writer.rows(0)
    poses = kept.poses_R3[kept.is_there_R]
    np.testing.assert_allclose(found["poses"], poses, atol=5e-3)
    np.testing.assert_allclose(found["pose"], seen.memory.writer.pose_E3[0], atol=5e-3)


def begun(model, frame, *, memory=True):
    from twospeed.memory.fast_weights import FastWeights

    views = FastWeights(model, ViewConfig(), seeds=(7,)) if memory else None
    return Dream(model, frame, memory=views)


def pixels_of(page, pane):
    return page.evaluate(
        """pane => {
          const canvas = document.querySelector(`[data-pane=${pane}] canvas`);
          return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
        }""",
        pane,
    )


def test_keys_move_the_picture_and_undo_brings_it_back(page):
    before = pixels_of(page, "memory")
    views = page.locator("#strip canvas").count()
    page.keyboard.press("w")
    page.wait_for_function("document.getElementById('status').textContent === 'go forward'")
    page.wait_for_timeout(1_000)
    assert pixels_of(page, "memory") != before
    page.keyboard.press("u")
    page.wait_for_function("document.getElementById('status').textContent.includes('taken back')")
    page.wait_for_timeout(300)
    assert pixels_of(page, "memory") == before
    assert page.locator("#strip canvas").count() == views


def test_a_downloaded_memory_is_one_of_ours_and_opens_again(page, exported_model, tmp_path):
    with page.expect_download() as waiting:
        page.click("#save")
    waiting.value.save_as(tmp_path / "adapter_model.safetensors")
    memory = open_memories(exported_model, [load_memory(tmp_path)], seeds=[0])
    expected = look_round("rooms:7", exported_model, ViewConfig()).dream.memory
    for own, theirs in zip(memory.adapters.up.values(), expected.adapters.up.values(), strict=True):
        torch.testing.assert_close(own, theirs)
    page.click("#forget")
    page.wait_for_function("!document.querySelector('#strip canvas')")
    page.set_input_files("#open", tmp_path / "adapter_model.safetensors")
    page.wait_for_selector("#strip canvas")


def test_a_file_that_is_no_memory_is_one_line(page, tmp_path):
    (tmp_path / "thesis.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    page.set_input_files("#open", tmp_path / "thesis.safetensors")
    page.wait_for_selector("#status.bad")
    assert page.text_content("#status") == "this is no memory of views"
