import pytest

from twospeed.cli.app import main

OUTPUTS = [
    ["demo", "--out=PLACE"],
    ["play", "--out=PLACE"],
    ["dream", "rooms-64", "--first-frame=rooms:7", "--actions=turn left", "--out=PLACE.mp4"],
    [
        *("dream", "rooms-64", "--first-frame=rooms:7", "--actions=turn left", "--out=a.mp4"),
        "--save-memory=PLACE",
    ],
    [
        *("dream", "rooms-64", "--first-frame=rooms:7", "--actions=turn left", "--out=a.mp4"),
        "--sheet=PLACE.png",
    ],
    ["memory", "write", "rooms-64", "a.mp4", "--out=PLACE"],
    ["memory", "fork", "a", "--out=PLACE"],
    ["memory", "merge", "a", "b", "--out=PLACE"],
    ["memory", "forget", "a", "--out=PLACE"],
    ["recall", "rooms-64", "--json=PLACE"],
    ["plan", "retrace", "--model=rooms-64", "--out=PLACE"],
    ["plan", "retrace", "--model=rooms-64", "--json=PLACE"],
    ["adherence", "rooms-64", "--data=a", "--json=PLACE"],
    ["evaluate", "a", "b", "--json=PLACE"],
    ["evaluate", "rooms-64", "--protocol=revisit", "--out=PLACE"],
    ["rate", "a", "--results", "--json=PLACE"],
    ["worlds", "--json=PLACE"],
    ["record", "rooms", "--episodes=1", "--out=PLACE"],
    ["import", "videos", "a", "--out=PLACE"],
    ["data", "show", "a", "--out=PLACE"],
    ["data", "show", "a", "--json=PLACE"],
    ["export", "lerobot", "a", "--out=PLACE"],
    ["train", "rooms-tiny", "--out=PLACE"],
    ["train", "inverse-dynamics", "--data=a", "--out=PLACE"],
    ["train", "hand", "--data=a", "--out=PLACE"],
    ["train", "--init=rooms-64", "--data=a", "--out=PLACE"],
    ["fit", "digits", "--data=digits", "--out=PLACE"],
    ["terminator", "bench", "--json=PLACE"],
    ["terminator", "bench", "--json=a.json", "--plot=PLACE"],
    ["terminator", "show", "--data=digits", "--fit=a", "--out=PLACE"],
    ["terminator", "compare", "peers", "digits", "--data=digits", "--out=PLACE"],
]


@pytest.mark.parametrize("command", OUTPUTS, ids=lambda it: " ".join((*it[:2], it[-1])))
@pytest.mark.parametrize("place", ["/proc/none", "file/below"])
def test_a_place_that_takes_nothing_is_found_before_any_work(
    command, place, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert main([word.replace("PLACE", place) for word in command]) == 2
    error = capsys.readouterr().err
    assert "cannot write" in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
