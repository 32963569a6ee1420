"""Grad-CAM and its family on networks from elsewhere, against the library pytorch-grad-cam."""

import numpy as np
import pytest
import pytorch_grad_cam as library
import torch
from given_networks import IMAGES, LABELS, convolutional, dinov2, given, torchvisions_vit, vit
from grad_cam_library import library_maps

from pipeline.attribution.attribute import attribute
from pipeline.attribution.features import features_of, tokens_of
from pipeline.attribution.query import Query
from pipeline.runtime.errors import UserError

LIBRARYS = {
    "gradcam": library.GradCAM,
    "hirescam": library.HiResCAM,
    "xgradcam": library.XGradCAM,
    "layercam": library.LayerCAM,
}
# network, its layer at the tokens, how many stand before the patches, side of the grid
VITS = {
    "class token": (vit, lambda net: net.blocks[-1].norm1, 1, 4, 64),
    "pooled": (lambda: vit(global_pool="avg", class_token=False),
               lambda net: net.blocks[-1].norm1, 0, 4, 64),
    "registers": (dinov2, lambda net: net.blocks[-1].norm1, 5, 5, 70),
    "torchvision": (torchvisions_vit, lambda net: net.encoder.layers[-1].ln_1, 1, 4, 64),
}  # fmt: skip


@pytest.mark.parametrize("method", LIBRARYS)
def test_maps_of_a_convolutional_network_are_the_librarys(method):
    model = given(convolutional)
    found = attribute(model, IMAGES, LABELS, method)
    expected = library_maps(LIBRARYS[method], model.network, model.network[5], IMAGES, LABELS)
    assert found.shape == (3, 8, 8)
    assert np.abs(expected).max() > 0
    rectified = found.clamp_min(0) if method != "hirescam" else found
    if method in ("gradcam", "xgradcam", "layercam"):
        expected = np.maximum(expected, 0)
    np.testing.assert_allclose(rectified, expected, rtol=1e-3, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("method", LIBRARYS)
@pytest.mark.parametrize("name", VITS)
def test_maps_of_a_vision_transformer_are_the_librarys_on_its_patch_tokens(name, method):
    build, layer_of, prefix, side, size = VITS[name]
    model = given(build, side=size)
    images = torch.nn.functional.interpolate(IMAGES, (size, size))
    found = attribute(model, images, LABELS, method)
    expected = library_maps(
        LIBRARYS[method],
        model.network,
        layer_of(model.network),
        images,
        LABELS,
        reshape_transform=lambda tokens: (
            tokens[:, prefix:].transpose(1, 2).unflatten(2, (side,) * 2)
        ),
    )
    assert found.shape == (3, side, side)
    expected = expected if method == "hirescam" else np.maximum(expected, 0)
    assert np.abs(expected).max() > 0
    # the library adds 1e-7 to the sums that XGrad-CAM divides by
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-4 * np.abs(expected).max())


def test_several_maps_of_an_image_and_a_part_at_a_time_are_the_same(monkeypatch):
    model = given(vit)
    images, labels = torch.tensor([2, 0, 2]), [(1,), (4,), (5,)]
    query = Query(model, IMAGES, images, labels, ["a", "b", "c"])
    found = query.maps("gradcam")
    alone = attribute(model, IMAGES[[2, 0, 2]], [1, 4, 5], "gradcam")
    torch.testing.assert_close(found, alone)
    monkeypatch.setattr("pipeline.attribution.features.MAPS", 2)
    torch.testing.assert_close(query.maps("gradcam"), found)


@pytest.mark.parametrize("method", LIBRARYS)
def test_maps_of_several_classes_of_an_image_share_its_forward_pass(method):
    """They are, to the last bit, those of a pass for each map."""
    model = given(vit)
    images = torch.tensor([2, 0, 2, 2, 0, 1])
    labels = [(1,), (4,), (5,), (0,), (4,), (6,)]
    query = Query(model, IMAGES, images, labels, ["a", "b", "c"])
    query.once(tokens_of)  # it asks the network as well, once for all methods
    seen = []
    with model.network.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0]))):
        found = query.maps(method)
    assert seen == [3]
    every = Query(model, IMAGES[images], torch.arange(6), labels, list("abcdef"))
    assert torch.equal(found, every.maps(method))


def test_features_of_tokens_are_those_of_their_layer():
    model = given(vit)
    query = Query(model, IMAGES, torch.tensor([0]), [(0,)], ["a", "b", "c"])
    features = features_of(query)
    assert features.shape == (3, 192, 4, 4)
    seen = []
    with model.network.blocks[1].norm1.register_forward_hook(lambda *call: seen.append(call[2])):
        model.network(IMAGES)
    assert torch.equal(features[1, :, 2, 3], seen[0][1, 1 + 2 * 4 + 3])


class Opaque(torch.nn.Module):
    """Logits by functions alone: no layer can be looked at."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(7, 3))

    def forward(self, images):
        return images.relu().mean(dim=(2, 3)) @ self.weight.T


def test_a_network_without_a_layer_is_refused():
    with pytest.raises(UserError, match="no features that a method could look at"):
        attribute(given(Opaque), IMAGES, LABELS, "gradcam")
