import numpy as np
import pytest
import pytorch_grad_cam as library
import torch
import torch.nn.functional as F
from asked import IMAGES as ROWS
from asked import LABELS as OF_ROWS
from asked import Counting, asked, scores_of
from given_networks import IMAGES, LABELS, convolutional, given
from grad_cam_library import library_maps

from pipeline.attribution.attribute import attribute


def test_score_cam_is_algorithm_1_written_out(model, inputs, target):
    maps = asked(model, inputs, target=target).maps("score_cam")
    for found, image, label in zip(maps, ROWS.tolist(), OF_ROWS, strict=True):
        features = model.trunk(inputs[image : image + 1])["features"][0]
        nothing = scores_of(model, target)(torch.zeros_like(inputs[:1]))[0, label]
        scores = []
        for channel in features:
            mask = F.interpolate(channel[None, None], (24, 24), mode="bilinear")[0, 0]
            spread = mask.max() - mask.min()
            mask = (mask - mask.min()) / spread if spread > 0 else torch.zeros_like(mask)
            masked = scores_of(model, target)(inputs[image : image + 1] * mask)[0, label]
            scores.append(float(masked - nothing))
        weights = np.exp(scores) / np.exp(scores).sum()
        expected = np.maximum(np.tensordot(weights, features.numpy(), 1), 0)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-15)
        assert expected.max() > 0


def test_score_cam_is_the_librarys(monkeypatch):
    # the library enlarges with aligned corners, unlike everything else here
    monkeypatch.setattr(
        torch.nn, "UpsamplingBilinear2d", lambda size: torch.nn.Upsample(size, mode="bilinear")
    )
    model = given(convolutional)
    found = attribute(model, IMAGES, LABELS, "score_cam")
    expected = library_maps(library.ScoreCAM, model.network, model.network[5], IMAGES, LABELS)
    np.testing.assert_allclose(found, np.maximum(expected, 0), rtol=1e-4)


@pytest.mark.parametrize("points", [1, 7])
def test_a_masked_image_serves_all_classes(cam_model, inputs, monkeypatch, points):
    counting = Counting(cam_model)
    maps = asked(counting, inputs).maps("score_cam")
    channels = cam_model.trunk(inputs)["features"].shape[1]
    assert counting.images == 3 + 3 * channels
    monkeypatch.setattr("pipeline.attribution.methods.score_cam.PIXELS", points * 24 * 24)
    torch.testing.assert_close(asked(cam_model, inputs).maps("score_cam"), maps)
