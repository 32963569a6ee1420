"""Every method on every kind of model: computed, or refused by name, as docs/methods.md says."""

import re
from pathlib import Path

import pytest
import torch
from given_networks import convolutional, given, vit
from torchvision import models

from pipeline.attribution.attribute import attribute
from pipeline.catalogue.methods import METHODS
from pipeline.models import build_classifier
from pipeline.runtime.errors import UserError
from pipeline.settings import Training, TrainJob

DOCS = Path(__file__).parents[2] / "docs" / "methods.md"
IMAGES = torch.randn((2, 3, 64, 64), generator=torch.Generator().manual_seed(3))
LABELS = {
    "class": [3, 0],
    "prior": [3, 0],
    "superset": [(0, 3), (0, 1, 2)],
    "counterfactual": [(3, 0), (0, 1)],
}
FEW = {
    "integrated_gradients": {"steps": 3},
    "integrated_gradients_released": {"steps": 3},
    "occlusion": {"window": 32, "stride": 32},
    "rise": {"masks": 12},
    "gradient_shap": {"samples": 3},
    **{name: {"samples": 3} for name, entry in METHODS.items() if entry.module == "noise"},
}


class LogitsAlone(torch.nn.Module):
    """A callable of somebody's own, into which nothing can look."""

    def __init__(self):
        super().__init__()
        self.weights = torch.nn.Parameter(torch.randn(2, 7, 12))

    def forward(self, images):
        mean, deviation = images.unflatten(2, (2, -1)).unflatten(4, (2, -1)), 0.1
        mean = (mean - deviation).relu().mean(dim=(3, 5)).flatten(1)  # (B, 12)
        return mean @ self.weights[0].T + mean.square() @ self.weights[1].T


def trained(method):
    job = TrainJob(trunk="resnet_small", weights="none", seed=1, training=Training(method=method))
    return build_classifier(job, 7).eval().requires_grad_(False)


# columns of the table in docs/methods.md
KINDS = {
    "CAM": lambda: trained("cam"),
    "CALM": lambda: trained("calm_em"),
    "given CNN": lambda: given(models.resnet18, num_classes=7),
    "given ViT": lambda: given(vit),
    "logits alone": lambda: given(LogitsAlone),
}


@pytest.fixture(scope="module")
def models_of():
    """The kind of a model -> a model."""
    return {kind: build() for kind, build in KINDS.items()}


def documented():
    """(method, kind) -> whether docs/methods.md says that it is computed."""
    lines = DOCS.read_text().splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("| method | CAM |"))
    kinds = [cell.strip() for cell in lines[head].split("|")[2:-1]]
    assert kinds[: len(KINDS)] == list(KINDS)
    found = {}
    for line in lines[head + 2 :]:
        if not line.startswith("|"):
            break
        cells = line.split("|")
        for method in re.findall(r"`(\w+)`", cells[1]):
            for kind, cell in zip(KINDS, cells[2:], strict=False):
                found[method, kind] = cell.strip() == "x"
    return found


def test_the_page_has_every_method_once():
    assert {method for method, _ in documented()} == METHODS.keys()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_computed_or_refused_by_name_as_documented(method, kind, models_of):
    labels = LABELS[METHODS[method].targets]
    if documented()[method, kind]:
        maps = attribute(models_of[kind], IMAGES, labels, method, **FEW.get(method, {}))
        assert maps.ndim == 3
        assert len(maps) == 2
        assert torch.isfinite(maps).all()
        assert maps.abs().max() > 0
        assert method == "uniform" or maps.std() > 0
    else:
        with pytest.raises(UserError, match=method) as caught:
            attribute(models_of[kind], IMAGES, labels, method, **FEW.get(method, {}))
        assert re.search(r"valid: |[Tt]ake another|Use ", str(caught.value))


def test_deep_lift_is_computed_where_no_module_is_used_twice():
    assert attribute(given(convolutional), IMAGES, [3, 0], "deep_lift").std() > 0


@pytest.mark.parametrize(
    ("method", "trunk", "cells"),
    [
        ("cam", "timm:vit_tiny_patch16_224", 14),
        ("calm_em", "timm:vit_tiny_patch16_224", 14),
        ("cam", "torchvision:vit_b_32", 7),
    ],
)
def test_methods_of_attention_work_on_heads_on_a_vision_transformer(method, trunk, cells):
    job = TrainJob(
        trunk=trunk,
        map_size="native",
        weights="none",
        seed=1,
        training=Training(method=method),
    )
    model = build_classifier(job, 7).eval()
    images = torch.nn.functional.interpolate(IMAGES, (224, 224))
    for name in ("attention_rollout", "legrad"):
        maps = attribute(model, images, [3, 0], name)
        assert maps.shape[1:] == (cells, cells)
        assert maps.std() > 0
