import json

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from pipeline import calm
from pipeline.artefacts.weights import read_own_weights, write_weights
from pipeline.models import build_classifier, load_model, save_model
from pipeline.runtime.errors import UserError
from pipeline.settings import Training, TrainJob

IMAGES = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))
LABELS = torch.tensor([0, 4, 2])


def job(method="cam", trunk="resnet_small", weights="none", seed=0, **training):
    return TrainJob(
        trunk=trunk, weights=weights, seed=seed, training=Training(method=method, **training)
    )


def test_cam_is_the_softmax_of_pooled_activations():
    model = build_classifier(job(), 5).eval()
    maps = model(IMAGES)
    expected = F.log_softmax(maps.mean(dim=(2, 3)), dim=1)
    assert model.kind == "cam"
    assert torch.allclose(model.head.log_probs(maps), expected)
    assert torch.allclose(model.loss(maps, LABELS), -expected[range(3), LABELS].mean())


@pytest.mark.parametrize(("method", "loss"), [("calm_em", calm.em_loss), ("calm_ml", calm.ml_loss)])
def test_calm_maps_are_the_log_joint(method, loss):
    model = build_classifier(job(method, location="relu"), 5).eval()
    maps = model(IMAGES)
    features = model.trunk(IMAGES)["features"]
    expected = calm.log_joint(
        model.head.classes(features), model.head.location(features), location="relu"
    )
    assert model.kind == "calm"
    assert torch.equal(maps, expected)
    assert torch.allclose(maps.exp().sum(dim=(1, 2, 3)), torch.ones(3), atol=1e-5)
    assert torch.equal(model.loss(maps, LABELS), loss(maps, LABELS))


def test_attributes_are_independent_labels():
    model = build_classifier(job("attributes"), 7).eval()
    maps = model(IMAGES)
    wanted = torch.randint(0, 2, (3, 7)).float()
    p = torch.sigmoid(maps.mean(dim=(2, 3)))
    expected = -(wanted * p.log() + (1 - wanted) * (1 - p).log()).mean()
    assert torch.allclose(model.loss(maps, wanted), expected, atol=1e-5)
    assert torch.allclose(model.head.log_probs(maps).exp(), p)


def test_every_parameter_is_in_one_group_with_its_rate():
    training = Training(method="calm_em", lr=0.1, head_lr_ratio=10, location_lr_ratio=0.5)
    model = build_classifier(job("calm_em"), 5)
    groups = {group["name"]: group for group in model.parameter_groups(training)}
    assert {name: group["lr"] for name, group in groups.items()} == {
        "trunk": 0.1,
        "head": 1.0,
        "location": 0.5,
    }
    in_groups = [id(p) for group in groups.values() for p in group["params"]]
    assert sorted(in_groups) == sorted(id(p) for p in model.parameters())
    head = {id(p) for p in groups["head"]["params"]}
    for name, parameter in model.named_parameters():
        expected = name.startswith(("head.classes", "trunk.layer3"))
        assert (id(parameter) in head) == expected, name


def test_initial_scales_multiply_the_heads_weights():
    plain, small = (
        build_classifier(job("calm_em", class_init_scale=s, location_init_scale=s * s), 5)
        for s in (1.0, 0.1)
    )
    assert torch.allclose(small.head.classes.weight, 0.1 * plain.head.classes.weight)
    assert torch.allclose(small.head.location.weight, 0.01 * plain.head.location.weight)


def test_the_seed_decides_the_weights():
    first, again, other = (build_classifier(job(seed=s), 5).state_dict() for s in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.classes.weight"], other["head.classes.weight"])


def test_a_saved_model_is_rebuilt_from_its_file_alone(tmp_path):
    model = build_classifier(job("calm_em", location="relu"), 5).eval()
    save_model(model, tmp_path / "weights.safetensors", {"code": "abc"})
    again = load_model(tmp_path / "weights.safetensors")
    assert torch.equal(again(IMAGES), model(IMAGES))
    assert again.job == model.job
    about = read_own_weights(tmp_path / "weights.safetensors")[1]
    assert about["provenance"] == {"code": "abc"}


def test_the_map_size_of_the_job_is_the_trunks():
    sides = {}
    for map_size in (14, 28):
        wanted = job().model_copy(update={"map_size": map_size})
        sides[map_size] = build_classifier(wanted, 5)(IMAGES).shape[2:]
    assert sides == {14: (4, 4), 28: (8, 8)}  # of 64 pixels


def test_a_file_from_before_the_map_size_has_the_larger_maps(tmp_path):
    path = tmp_path / "weights.safetensors"
    model = build_classifier(job("calm_em"), 5).eval()
    save_model(model, path, {})
    state, about = read_own_weights(path)
    del about["job"]["map_size"]
    write_weights(path, state, about)
    again = load_model(path)
    assert again.job.map_size == 28
    assert torch.equal(again(IMAGES), model(IMAGES))


def test_the_same_model_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        save_model(build_classifier(job(), 5), tmp_path / name, {"code": "abc", "data": "d"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_trunk_starts_from_a_model_of_the_study(tmp_path):
    donor = build_classifier(job("attributes", seed=3), 9)
    save_model(donor, tmp_path / "w.safetensors", {})
    model = build_classifier(job(weights="model:a/b/c"), 5, tmp_path / "w.safetensors")
    for name, value in donor.trunk.state_dict().items():
        assert torch.equal(model.trunk.state_dict()[name], value)


@pytest.mark.parametrize("cut", [0, 10, 2000])
def test_a_cut_weights_file_is_named(tmp_path, cut):
    path = tmp_path / "weights.safetensors"
    save_model(build_classifier(job(), 5), path, {})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UserError, match=r"weights\.safetensors is damaged.*moved aside"):
        load_model(path)
    assert not path.exists()


@pytest.mark.parametrize("place", [0.3, 0.9, -1])
def test_a_flipped_bit_in_a_weights_file_is_found(tmp_path, place):
    path = tmp_path / "weights.safetensors"
    save_model(build_classifier(job(), 5), path, {"code": "abc"})
    content = bytearray(path.read_bytes())
    content[place if place < 0 else int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"weights\.safetensors is damaged \(its SHA-256"):
        build_classifier(job(weights="model:a/b/c"), 5, path)
    assert path.with_name("weights.safetensors.damaged").read_bytes() == content


def test_weights_from_elsewhere_stay_where_they_are(tmp_path):
    path = tmp_path / "given.safetensors"
    save_file(build_classifier(job(), 5).trunk.state_dict(), path)
    build_classifier(job(weights=str(path)), 5)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"given\.safetensors cannot be read"):
        build_classifier(job(weights=str(path)), 5)
    assert path.exists()


def test_weights_that_do_not_fit_name_missing_and_unexpected_keys(tmp_path):
    state = build_classifier(job(), 5).trunk.state_dict()
    state["extra.weight"] = torch.zeros(2)
    del state["conv1.weight"]
    state["layer1.0.conv1.weight"] = torch.zeros(3)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(UserError) as caught:
        build_classifier(job(weights=str(tmp_path / "w.pth")), 5)
    text = str(caught.value)
    assert "missing: conv1.weight (1)" in text
    assert "unexpected: extra.weight (1)" in text
    assert "layer1.0.conv1.weight (3,) instead of (64, 64, 3, 3)" in text


def test_missing_and_unreadable_weights_are_named(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.pth is missing"):
        build_classifier(job(weights=str(tmp_path / "nothing.pth")), 5)
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(UserError, match=r"text\.pth is not a PyTorch state dict"):
        build_classifier(job(weights=str(tmp_path / "text.pth")), 5)
    with pytest.raises(UserError, match=r"torchvision knows no 'Nonsense_Weights\.X'"):
        build_classifier(job(weights="torchvision:Nonsense_Weights.X"), 5)


@pytest.mark.real_data
def test_the_real_squeezenet_weights_load(calm_data):
    weights = calm_data / "weights/squeezenet1_0-imagenet.pth"
    model = build_classifier(job("calm_em", trunk="squeezenet1_0", weights=str(weights)), 5)
    loaded = torch.load(weights, weights_only=True)
    assert torch.equal(model.trunk.state_dict()["features.0.weight"], loaded["features.0.weight"])
    with pytest.raises(UserError, match="do not fit trunk 'resnet_small'"):
        build_classifier(job(weights=str(weights)), 5)


def test_weights_that_lost_their_checksum_are_damaged(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_model(build_classifier(job(), 5), path, {})
    about = read_own_weights(path)[1]
    save_file(load_file(path), path, metadata={"model": json.dumps(about)})
    with pytest.raises(UserError, match=r"weights\.safetensors is damaged"):
        load_model(path)
