"""What tests of all trainings share: runs that are killed and go on."""

import pytest
import torch


class Killed(BaseException):
    """Stands for a kill: nothing may catch it."""


def killing(at):
    """Return what makes a loss that kills its run at a step; None lets it live."""

    def wrapped(loss_of):
        def loss(step, generator):
            if step == at:
                raise Killed
            return loss_of(step, generator)

        return loss

    return wrapped


@pytest.fixture
def whole_after_kills(tmp_path):
    """Kill a run at some steps and let it go on; what it ends with must be that of a whole run.

    The run is `train(out, killing)`, which gives its loss to `killing` and returns its weights by
    name; what they are is returned.
    """

    def check(train, *steps):
        whole = train(tmp_path / "whole", killing(None))
        for step in steps:
            with pytest.raises(Killed):
                train(tmp_path / "killed", killing(step))
        again = train(tmp_path / "killed", killing(None))
        assert all(torch.equal(again[name], it) for name, it in whole.items())
        return whole

    return check
