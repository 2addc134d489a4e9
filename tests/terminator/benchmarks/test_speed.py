from dataclasses import replace

from twospeed.terminator.benchmarks.speed import BenchConfig, run_bench


def test_a_bench_of_a_small_network_has_all_its_numbers(small_config):
    config = BenchConfig(batch=2, threads=1, repeats=1, matmul_side=32, scaling=False)
    whole = small_config(published=True)
    one_block = {"expansions": (4,), "earlier": ((0, 0),), "layers_global": (2,)}
    results = run_bench(config, network=replace(whole, dropout=(0.0,), **one_block))
    for part in ("inference_over_matmul", "training_over_matmul"):
        assert set(results[part]) == {"plain", "fp32", "bf16"}
        assert all(value > 0 for value in results[part].values())
    assert results["lanes"] in ((4, 8, 16) if results["compiled"] else (None,))
    assert results["max_abs_difference"] < 1e-5
    assert results["default"]["max_abs_difference"] < 1e-5
