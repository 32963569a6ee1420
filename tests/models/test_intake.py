import timm
import torch
from torchvision import models
from torchvision.transforms.functional import resize

from pipeline.images.loading import normalise
from pipeline.models.given import GivenModel
from pipeline.models.intake import Intake, Wanted, wanted_by

PIXELS = torch.randint(0, 256, (2, 3, 32, 32), generator=torch.Generator().manual_seed(0))
PIXELS = PIXELS.to(torch.uint8)


def test_images_are_normalised_as_the_network_was_trained():
    intake = Intake(Wanted((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)))
    torch.testing.assert_close(intake(normalise(PIXELS)), PIXELS / 127.5 - 1, rtol=1e-4, atol=1e-5)


def test_images_of_another_size_are_resized_as_torchvision_does():
    found = Intake(Wanted(side=48))(normalise(PIXELS))
    torch.testing.assert_close(found, resize(normalise(PIXELS), [48, 48], antialias=True))


def test_images_as_the_network_takes_them_are_left_alone():
    images = normalise(PIXELS)
    assert Intake(Wanted(side=32))(images) is images


def test_a_library_says_what_its_networks_take():
    network = timm.create_model("tf_efficientnet_lite0")
    assert wanted_by("timm:tf_efficientnet_lite0", network) == Wanted((0.5,) * 3, (0.5,) * 3, 224)
    assert wanted_by("torchvision:inception_v3", None) == Wanted(side=299)
    entry = "torchvision:RegNet_Y_16GF_Weights.IMAGENET1K_SWAG_E2E_V1"
    assert wanted_by("torchvision:regnet_y_16gf", None, entry) == Wanted(side=384)
    assert wanted_by("torchvision:regnet_y_16gf", None, "net.pth") == Wanted(side=224)
    assert wanted_by("mine:build", models.resnet18()) == Wanted()


def test_a_model_of_a_study_sees_converted_images():
    torch.manual_seed(0)
    network = models.resnet18(num_classes=3).eval()
    model = GivenModel(network, Wanted((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 32))
    expected = network(PIXELS / 127.5 - 1)
    torch.testing.assert_close(model.logits(normalise(PIXELS)), expected, rtol=1e-3, atol=1e-4)
