import cv2
import numpy as np
import torch
from asked import IMAGES, asked

from pipeline.images.center_gaussian import center_gaussian
from pipeline.images.loading import denormalise


def test_uniform_is_the_same_everywhere(cam_model, inputs):
    assert torch.equal(asked(cam_model, inputs).maps("uniform"), torch.ones(5, 24, 24).double())


def test_the_gaussian_stands_in_the_middle_of_every_image(cam_model, inputs):
    maps = asked(cam_model, inputs).maps("center_gaussian").numpy()
    assert (maps == center_gaussian(24)).all()
    assert (maps[0] == maps[0].T).all()
    assert (maps[0] == maps[0][::-1]).all()
    assert maps.max(axis=(1, 2)).tolist() == [1] * 5
    assert maps[0, 0, 0] == 0
    # standard deviation of a quarter of the side, before the stretch
    x = (np.arange(24) - 11.5) / 6
    bell = np.exp(-(x**2) / 2)
    low, high = bell[0] ** 2, bell[11] ** 2
    assert np.allclose(maps[0][11], (bell * bell[11] - low) / (high - low))


def test_random_maps_depend_on_the_images_name_alone(cam_model, inputs):
    query = asked(cam_model, inputs)
    maps = query.maps("random")
    assert torch.equal(maps[0], maps[3])  # the same image
    assert not torch.equal(maps[0], maps[1])
    query.inputs, query.images, query.image_ids = inputs[:1], torch.tensor([0]), ["c"]
    assert torch.equal(query.maps("random")[0], maps[IMAGES.tolist().index(2)])
    assert (maps >= 0).all()
    assert (maps < 1).all()
    assert abs(maps[0].mean().item() - 0.5) < 0.05


def test_edges_are_the_sobel_magnitude_of_the_grey_image(cam_model, inputs):
    maps = asked(cam_model, inputs).maps("edges")
    for row, image in enumerate(denormalise(inputs)[IMAGES].permute(0, 2, 3, 1).double().numpy()):
        grey = image @ [0.2989, 0.587, 0.114]
        across, down = (
            cv2.Sobel(grey, cv2.CV_64F, *which, ksize=3, borderType=cv2.BORDER_REPLICATE)
            for which in ((1, 0), (0, 1))
        )
        assert np.allclose(maps[row], np.hypot(across, down), atol=1e-8)
    flat = asked(cam_model, torch.zeros_like(inputs)).maps("edges")
    assert torch.allclose(flat, torch.zeros_like(flat), atol=1e-9)
