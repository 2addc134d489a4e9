import base64
import re

import numpy as np

from twospeed.core.page import figures_of, list_of, page_of, paragraph_of, png_of, table_of
from twospeed.core.pictures import decode_picture

EVIL = "<script>$x & \"'"


def test_text_is_text_wherever_it_stands():
    parts = [
        paragraph_of(EVIL), paragraph_of(EVIL, "bad"), paragraph_of(EVIL, "small"),
        list_of([EVIL]), table_of([[EVIL]], head=[EVIL]), figures_of({EVIL: b""}),
    ]  # fmt: skip
    page = page_of(EVIL, parts)
    assert "<script>" not in page
    escaped = "&lt;script&gt;$x &amp; &quot;&#x27;"
    assert page.count(escaped) == 10  # the title and a picture's text stand twice


def test_a_table_has_its_rows_and_a_head_only_when_there_is_one():
    table = table_of([["a", "1"], ["b", "2"]], head=["name", "number"])
    assert re.findall(r"<t[dh]>(\w+)", table) == ["name", "number", "a", "1", "b", "2"]
    assert "<th>" not in table_of([["a", "1"]])
    assert list_of([]) == ""


def test_a_picture_is_inside_the_page_bit_for_bit():
    picture = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    figures = figures_of({"noise": png_of(picture)})
    data = re.search(r"base64,([^\"]+)", figures).group(1)
    assert np.array_equal(decode_picture(base64.b64decode(data)).pixels, picture)
