import pytest
import torch

from twospeed.planning.consolidation.rollback import between, furthest_kept


@pytest.mark.parametrize(
    ("edge", "halvings", "share"),
    [(1.0, 3, 1.0), (0.99, 0, 0.0), (0.6, 3, 0.5), (0.7, 3, 0.625), (0.01, 3, 0.0)],
)
def test_the_furthest_share_whose_bounds_hold_is_kept(edge, halvings, share):
    tried = []

    def keeps(one):
        tried.append(one)
        return one <= edge

    assert furthest_kept(keeps, halvings) == share
    assert len(tried) == 1 + (halvings if edge < 1 else 0)
    assert 0.0 not in tried  # the old weights lose nothing


def test_weights_between_lie_on_the_line():
    old = {"weight": torch.tensor([0.0, 2.0]), "count": torch.tensor(3)}
    new = {"weight": torch.tensor([4.0, 0.0]), "count": torch.tensor(7)}
    half = between(old, new, 0.25)
    assert half["weight"].tolist() == [1.0, 1.5]
    assert half["count"] == 3
    assert torch.equal(between(old, new, 1.0)["weight"], new["weight"])
    assert old["weight"].tolist() == [0.0, 2.0]
