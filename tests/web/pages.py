"""What tests of the page in a true browser do with it."""

import time

PIXELS = """pane => {
  const canvas = document.querySelector(`[data-pane=${pane}] .screen canvas`);
  return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
}"""

TAP = """([code, key]) => {
  for (const type of ["keydown", "keyup"])
    document.body.dispatchEvent(new KeyboardEvent(type, { code, key, bubbles: true }));
}"""


def until(check, *, seconds=240):
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def writes(page):
    return int(page.text_content("#writes"))


def pixels(page):
    return {name: page.evaluate(PIXELS, name) for name in ("memory", "plain", "truth")}


def settled(page, count):
    """Wait for so many writes and for their last frame to be on the screen."""
    until(lambda: writes(page) == count)
    shown = None
    while shown != (shown := pixels(page)):
        time.sleep(1.5)
    return shown


def decibels(page, pane):
    return float(page.text_content(f"[data-pane={pane}] .psnr").removesuffix(" dB"))


def tap(page, key):
    """Press a key and let it go within one task of the page: one that is held walks on."""
    code = key if len(key) > 1 else f"Key{key.upper()}"
    page.evaluate(TAP, [code, key])
