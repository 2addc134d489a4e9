import pytest
from rich.table import Table

from twospeed.cli.tables import print_table


def table_of(columns, rows, cell="26.20 [25.10, 27.30]"):
    table = Table("route", *(f"arm{number}" for number in range(columns)), title="psnr_db")
    for row in range(rows):
        table.add_row(f"route{row}", *(f"{cell[:-1]}{row}{column}]" for column in range(columns)))
    return table


@pytest.mark.parametrize("width", ["80", "40"])
@pytest.mark.parametrize(("columns", "rows"), [(2, 1), (9, 1), (9, 2), (9, 8), (40, 3)])
def test_no_letter_of_a_table_is_cut(width, columns, rows, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", width)
    print_table(table_of(columns, rows))
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= int(width)
    letters = "".join(shown.split())
    for number in range(rows * columns):
        assert f"{number // columns}{number % columns}]" in letters


def test_a_wide_table_of_one_row_is_turned_on_its_side(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    print_table(table_of(9, 1))
    assert "arm8   26.20 [25.10, 27.3008]" in capsys.readouterr().out


def test_a_table_that_fits_stays_as_it_is(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    print_table(table_of(2, 2))
    assert "route1" in capsys.readouterr().out.splitlines()[-2]
