"""Tables as people and their programs write them: no text is cut, no row is swallowed."""

import unicodedata

import pytest

from twospeed.core.errors import DataError
from twospeed.data.importers.account import Account
from twospeed.data.importers.config import ImportConfig
from twospeed.data.importers.run import import_recordings
from twospeed.data.importers.tables.labelled import LABELS
from twospeed.data.importers.tables.rows import parse_seconds, read_rows
from twospeed.data.index import read_episodes

HEAD = "video,start,end,action\n"


@pytest.fixture
def rows(tmp_path):
    """Return a function from the content of a table to (rows as tuples, lines)."""

    def run(content, name="labels.csv"):
        path, account = tmp_path / name, Account()
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        found = [tuple(row.values.values()) for row in read_rows(path, LABELS, account)]
        return found, account

    return run


@pytest.fixture
def bring(tmp_path, clip, bright):
    """Return a function that imports a folder with one video and a table: (scenes, lines)."""

    def run(video, named, folder="src", table="labels.csv"):
        source = tmp_path / folder
        clip(source / video, bright(3))
        (source / table).write_text(f"{HEAD}{named},0,2,walk\n", encoding="utf-8")
        config = ImportConfig(format="videos", name="mine", frame_size=16)
        done = import_recordings(config, source, tmp_path / "out")
        return [it.scene for it in read_episodes(tmp_path / "out")], done.lines

    return run


def test_a_comma_outside_quotes_never_cuts_an_action(rows):
    found, account = rows(
        HEAD + "v,0,2,pick up the cup, then put it down\nv,4,6,walk,,\n"
        'v,6,8,"pick up the cup, then put it down"\n'
    )
    assert [row[3] for row in found] == ["walk", "pick up the cup, then put it down"]
    assert account.lines == (
        "labels.csv row 2: 5 cells, but the heading has 4: put a text that holds ',' in quotes;"
        " skipped",
    )


OPEN = "a quote is opened and not closed"


@pytest.mark.parametrize(
    ("text", "actions", "faults"),
    [
        ('v,0,2,"open" the door\nv,2,4,"close it\nv,4,6,walk\nv,6,8,turn\n',
         ["open the door", "walk", "turn"], [3]),
        ('v,0,2,"close it\nv,2,4,walk\nv,4,6,"turn, stop"\n', ["walk", "turn, stop"], [2]),
        ('v,0,2,"close it\nv,2,4,"open it\nv,4,6,walk\n', ["walk"], [2, 3]),
        ('v,0,2,walk\nv,2,4,"close it\n', ["walk"], [3]),
        ('v,0,2,"close it,\nthen walk"\nv,2,4,turn\n', ["close it,\nthen walk", "turn"], []),
        ('v,0,2,"say ""hello"""\nv,2,4,6" pipe\n', ['say "hello"', '6" pipe'], []),
        ('"v,0,2,walk\nv,2,4,turn\n', ["turn"], [2]),
    ],
)  # fmt: skip
def test_a_quote_that_is_not_closed_costs_its_own_row_alone(rows, text, actions, faults):
    found, account = rows(HEAD + text)
    assert [row[3] for row in found] == actions
    assert [line.partition(":")[0] for line in account.lines] == [
        f"labels.csv row {row}" for row in faults
    ]
    assert all(OPEN in line for line in account.lines)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("said", ["", "sep={}\n", "sep={}\r\n"])
def test_encodings_and_delimiters_of_spreadsheets(rows, encoding, delimiter, said):
    text = said.format(delimiter) + (HEAD + "v,0,2,geh über\n").replace(",", delimiter)
    found, account = rows(text.encode(encoding))
    assert found == [("v", "0", "2", "geh über")]
    assert not account.lines


def test_a_cut_utf16_file_is_one_line(rows):
    with pytest.raises(DataError, match=r"labels.csv: no UTF-16: save it as UTF-8"):
        rows(HEAD.encode("utf-16")[:-1])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12.5", 12.5),
        ("1:02.5", 62.5),
        ("00:01:02.50", 62.5),
        (" 7 ", 7),
        ("1e1", 10),
        ("+.5", 0.5),
    ],
)
def test_times_of_every_form(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "0,5",
        "1:2:3:4",
        "",
        ":",
        "-1",
        "nan",
        "inf",
        "1e999",
        "9" * 6000,
        "1_0",
        "360001",
        "100:00:01",
    ],
)
def test_what_is_no_time_is_said_in_one_short_line(text):
    with pytest.raises(DataError, match=r"is no time") as caught:
        parse_seconds(text)
    assert len(str(caught.value)) < 200


def test_two_columns_of_one_name_are_refused(rows):
    with pytest.raises(DataError, match="there are two columns 'action'"):
        rows("video,start,end,action,action\nv,0,2,a,b\n")


@pytest.mark.parametrize("value", ['["a"]', '{"b": 1}', "true"])
def test_json_that_is_no_text_is_one_line(rows, value):
    row = f'{{"video": "v", "start": 0, "end": 2, "action": {value}}}'
    found, account = rows(
        f'{row}\n{{"video": "v", "start": 0, "end": 2.5, "action": "go"}}\n', "a.jsonl"
    )
    assert found == [("v", "0", "2.5", "go")]
    assert len(account.lines) == 1
    assert account.lines[0].startswith("a.jsonl row 1: its 'action' is a ")
    assert account.num_entries == 2


NFC, NFD = (unicodedata.normalize(form, "Küche.mp4") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(
    ("video", "named"),
    [
        (NFD, NFC),
        (NFC, NFD),
        ("my  clip.mp4", "my  clip.mp4"),
        ("sub/v.mp4", "sub\\v.mp4"),
        ("sub/v.mp4", "./sub/v.mp4"),
        ("back\\slash.mp4", "back\\slash.mp4"),
    ],
)
def test_a_video_is_found_however_its_name_is_written(bring, video, named):
    scenes, lines = bring(video, named)
    assert scenes == [video.removesuffix(".mp4")]
    assert not lines


def test_a_whole_path_below_the_folder_is_found(bring, tmp_path):
    scenes, lines = bring("sub/v.mp4", tmp_path / "src" / "sub" / "v.mp4")
    assert scenes == ["sub/v"]
    assert not lines


@pytest.mark.parametrize("named", ["/home/anna/V.mp4", "C:\\clips\\v.MP4", "other/v.mp4", "v .mp4"])
def test_a_name_that_is_nearly_right_is_not_guessed_but_hinted_at(bring, named, tmp_path):
    source = tmp_path / "src"
    source.mkdir()
    (source / "more.csv").write_text(f"{HEAD}{named},0,2,walk\n")
    scenes, lines = bring("v.mp4", "v")
    assert scenes == ["v"]
    assert len(lines) == 1
    assert lines[0].startswith("more.csv row 2: there is no video ")
    assert ("is it 'v.mp4'?" in lines[0]) == (named != "v .mp4")


def test_of_two_names_that_differ_in_form_alone_each_finds_its_own(tmp_path, clip, bright):
    source = tmp_path / "src"
    for name in (NFC, NFD):
        clip(source / name, bright(2))
    (source / "labels.csv").write_text(f"{HEAD}{NFC},0,1,a\n{NFD},0,1,b\n", encoding="utf-8")
    config = ImportConfig(format="videos", name="mine", frame_size=16)
    done = import_recordings(config, source, tmp_path / "out")
    found = {it.scene: it.actions for it in read_episodes(tmp_path / "out")}
    assert found == {NFC[:-4]: ("a",), NFD[:-4]: ("b",)}
    assert not done.lines


def test_tables_below_other_tables_are_named_and_left_out(bring, tmp_path):
    (tmp_path / "src" / "more").mkdir(parents=True)
    (tmp_path / "src" / "more" / "labels.csv").write_text(f"{HEAD}v,0,2,walk\n")
    scenes, lines = bring("v.mp4", "v")
    assert scenes == ["v"]
    assert lines == ("more/labels.csv: lies below other tables; skipped",)


def test_hidden_tables_of_other_systems_are_named_and_left_out(bring, tmp_path):
    source = tmp_path / "src"
    source.mkdir()
    (source / "._labels.csv").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(200))
    scenes, lines = bring("v.mp4", "v.mp4")
    assert scenes == ["v"]
    assert lines == ("._labels.csv: hidden; skipped",)
