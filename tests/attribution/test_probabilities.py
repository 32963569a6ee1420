import pytest
import torch
from given_output import CLASSES, IMAGES, PAIRS, SETS, query_of

from pipeline.attribution.probabilities import probabilities


def test_probabilities_belong_to_the_targets():
    activation = torch.randn((3, 5, 4, 6), generator=torch.Generator().manual_seed(1))
    p = torch.log_softmax(activation.mean((2, 3)), 1).double().exp()

    def of(targets):
        return probabilities(
            query_of(activation, targets, lambda f: torch.log_softmax(f.mean((2, 3)), 1).double()),
            targets,
        )

    rows = IMAGES.tolist()
    assert of("class").tolist() == [p[i, c] for i, (c,) in zip(rows, CLASSES, strict=True)]
    signed = [p[i, a] - p[i, b] for i, (a, b) in zip(rows, PAIRS, strict=True)]
    assert of("counterfactual").tolist() == signed
    sums = of("superset")
    assert sums.tolist() == pytest.approx([p[i, list(s)].sum().item() for i, s in enumerate(SETS)])
    assert sums[2].item() == pytest.approx(1)
    assert of("prior").tolist() == [1, 1, 1]
