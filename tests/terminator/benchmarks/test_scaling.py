from twospeed.terminator.benchmarks.scaling import growth_exponents, measure_scaling, plot_scaling


def test_the_scaling_table_covers_all_mixers(tmp_path):
    rows = measure_scaling(channels=2, repeats=1, sides=(4, 8), lengths=(16, 64))
    exponents = growth_exponents(rows)
    assert len(rows) == 4 * len(exponents["1d"]) == 4 * len(exponents["2d"])
    assert all(row.seconds > 0 for row in rows)
    plot_scaling(rows, tmp_path / "scaling.png")
    assert (tmp_path / "scaling.png").read_bytes().startswith(b"\x89PNG")
