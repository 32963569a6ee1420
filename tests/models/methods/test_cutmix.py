import pytest
import torch

from pipeline.models.methods.cutmix import Cutmix, mixed, rectangle
from pipeline.settings import Training


@pytest.mark.parametrize(
    ("share", "centre", "rows", "columns"),
    [
        (0.75, (4, 10), (2, 6), (5, 15)),  # half of each side
        (0.75, (0, 19), (0, 2), (14, 20)),  # cut at the border
        (1.0, (4, 10), (4, 4), (10, 10)),
        (0.0, (4, 10), (0, 8), (0, 20)),
    ],
)
def test_the_rectangle_has_the_images_proportions(share, centre, rows, columns):
    assert rectangle(8, 20, share, centre) == (slice(*rows), slice(*columns))


def test_the_rectangle_is_the_other_images():
    images = torch.arange(3.0)[:, None, None, None].expand(3, 3, 4, 4).contiguous()
    result = mixed(images, torch.tensor([2, 0, 1]), slice(1, 3), slice(0, 1))
    expected = images.clone()
    for row, other in enumerate((2, 0, 1)):
        expected[row, :, 1:3, 0:1] = other
    assert torch.equal(result, expected)
    assert torch.equal(images[:, 0, 0, 0], torch.arange(3.0))


def step(seed, count=5, side=16, **keys):
    """A step on images that are constant, each its number: what was pasted can be read off."""
    torch.manual_seed(7)
    head = Cutmix(3, count, Training(method="cutmix", cutmix=keys), {})
    images = torch.arange(float(count))[:, None, None, None].expand(count, 3, side, side)
    labels = torch.arange(count).flip(0)
    seen = []

    def trunk(inputs):
        seen.append(inputs)
        return {"features": inputs}

    torch.manual_seed(seed)
    maps, loss = head.training_step(trunk, images, labels)
    return head, images, labels, seen[0], maps, loss


def test_the_loss_mixes_labels_by_area():
    pasted_shares = []
    for seed in range(8):
        _, images, labels, seen, maps, loss = step(seed)
        pasted = (seen != images)[:, 0].double().mean(dim=(1, 2))  # 0 where the other is itself
        share = pasted.max().item()
        pasted_shares.append(share)
        others = [
            int(row[row != index].mode().values) if (row != index).any() else index
            for index, row in enumerate(seen[:, 0].flatten(1))
        ]
        log_p = maps.mean(dim=(2, 3)).log_softmax(dim=1)
        own = -log_p[range(5), labels].mean()
        other = -log_p[range(5), labels[others]].mean()
        assert torch.allclose(loss, (1 - share) * own + share * other, atol=1e-6)
    assert len(set(pasted_shares)) > 4


def test_nothing_is_mixed_at_probability_zero():
    head, images, labels, seen, maps, loss = step(0, probability=0.0)
    assert torch.equal(seen, images)
    assert torch.equal(loss, head.loss(maps, labels))


def test_beta_decides_how_much_is_pasted():
    shares = []
    for seed in range(20):  # Beta(1000, 1000) is 1/2 but for 0.011: at most half is pasted
        _, images, _, seen, _, _ = step(seed, beta=1000.0)
        shares.append((seen != images)[:, 0].double().mean(dim=(1, 2)).max().item())
    assert 0.3 < max(shares) < 0.6
