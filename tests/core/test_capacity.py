import numpy as np
import pytest
import torch

from twospeed.core.capacity import check_fits, is_out_of_memory, total_memory
from twospeed.core.errors import ConfigError


def test_what_is_larger_than_the_memory_is_refused_before_it_is_taken():
    total = total_memory()
    assert total is None or total > 1e8
    check_fits(1000, "a thousand bytes")
    with pytest.raises(ConfigError, match=r"a video takes at least 1,000,000,000 GB of memory"):
        check_fits(10**18, "a video")


def test_full_memory_is_told_from_other_errors():
    for taken in (lambda: torch.zeros(2**60), lambda: np.zeros(2**58), lambda: b"x" * 2**62):
        with pytest.raises((RuntimeError, MemoryError)) as caught:
            taken()
        assert is_out_of_memory(caught.value)
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))
