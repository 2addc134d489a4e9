"""Whatever others wrote is read, or refused in one line: every reader, every kind of file."""

import pytest
from fuzzing import imports, labelled, models, recorded
from fuzzing.cases import check_changes, check_stand_ins

CASES = (*recorded.CASES, *models.CASES, *imports.CASES, *labelled.CASES)


@pytest.mark.parametrize("kind", CASES)
def test_what_others_wrote_is_read_or_refused_in_one_line(kind, make_model, tmp_path):
    check_changes(kind(make_model), tmp_path)


@pytest.mark.parametrize("kind", CASES)
def test_a_file_that_is_none_is_refused_in_one_line(kind, make_model, tmp_path):
    check_stand_ins(kind(make_model), tmp_path)
