import sys
import types

import numpy as np
import pytest
import torch
from asked import IMAGES, LABELS, asked

from pipeline.attribution.query import Query, entry_of
from pipeline.runtime.errors import UserError
from pipeline.settings import MethodOptions


@pytest.fixture
def maps_of(cam_model, inputs, monkeypatch):
    """function -> the maps of a query of it, as the method ``mine``."""

    def compute(function):
        module = types.ModuleType("of_a_user")
        module.function = function
        monkeypatch.setitem(sys.modules, "of_a_user", module)
        query = asked(cam_model, inputs)
        options = MethodOptions(functions={"mine": "of_a_user:function"})
        given = query.images, query.classes, query.image_ids, options
        return Query(cam_model, inputs, *given).maps("mine")

    return compute


def test_a_function_of_a_query_is_a_method(maps_of, cam_model, inputs):
    found = maps_of(lambda query: query.output[query.images, query.label()] * 2)
    expected = 2 * asked(cam_model, inputs).maps("cam")
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, check_dtype=False)


def test_a_function_of_model_images_and_labels_is_a_method(maps_of, cam_model, inputs):
    def gradient(model, images, labels, sign=1):
        images = images.clone().requires_grad_()
        score = model.logits(images).gather(1, labels[:, None]).sum()
        return sign * torch.autograd.grad(score, images)[0].abs().amax(1)

    found = maps_of(gradient)
    expected = asked(cam_model, inputs).maps("gradient")
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-8, check_dtype=False)


def test_it_is_asked_for_the_maps_of_the_query(maps_of, inputs):
    seen = []

    def function(model, images, labels):
        seen.append((images, labels))
        return np.ones((len(labels), 2, 3))

    assert torch.equal(maps_of(function), torch.ones(5, 2, 3))
    images, labels = seen[0]
    assert torch.equal(images, inputs[IMAGES])
    assert labels.tolist() == LABELS


def fails(query):
    raise KeyError("layer5")


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (fails, "of_a_user:function fails on 5 images: KeyError: 'layer5'"),
        (lambda query: torch.zeros(4, 2, 2), r"gives a tensor of shape \(4, 2, 2\).*\(5, h, w\)"),
        (lambda query: torch.zeros(5, 3, 2, 2), r"gives a tensor of shape \(5, 3, 2, 2\)"),
        (lambda query: [1, 2], "gives list, no tensor"),
        (lambda query: torch.full((5, 2, 2), torch.nan), "not finite"),
        (lambda query: torch.zeros(5, 2, 2, dtype=torch.complex64), "values of torch.complex64"),
        (lambda model, images: images, "takes 2 arguments.*one argument.*three"),
    ],
)
def test_what_is_no_map_is_one_message_that_names_method_and_function(maps_of, function, match):
    with pytest.raises(UserError, match=f"methods.mine: .*{match}"):
        maps_of(function)


def test_every_kind_of_model_has_the_users_methods():
    options = MethodOptions(functions={"mine": "of_a_user:function"})
    for kind in ("cam", "calm", "given"):
        assert entry_of("mine", kind, options).targets == "class"
    with pytest.raises(UserError, match="no method 'mine'"):
        entry_of("mine", "cam")
