import pytest
import torch
from safetensors.torch import save_file

from pipeline.artefacts.weights import read_own_weights
from pipeline.models.classifier import build_classifier, load_model, save_model
from pipeline.models.shipping import run
from pipeline.runtime.errors import UserError
from pipeline.runtime.packages import find_in_package
from pipeline.settings import Training, TrainJob
from pipeline.study.loading import load


def job(weights, method="attributes"):
    training = Training(method=method, epochs=1)
    return TrainJob(trunk="resnet_small", weights=weights, seed=3, training=training)


def test_a_shipped_trunk_starts_a_model_within_half_precision(tmp_path):
    trained = build_classifier(job("none"), 6)
    save_model(trained, tmp_path / "weights.safetensors", {"config": "c0"})
    out = tmp_path / "small.safetensors"
    run([str(tmp_path / "weights.safetensors"), "--made-by", "a test", "--out", str(out)])
    assert out.stat().st_size < 0.6 * (tmp_path / "weights.safetensors").stat().st_size

    state, about = read_own_weights(out)
    assert all(name.startswith("trunk.") for name in state)
    assert about["provenance"] == {"config": "c0", "made_by": "a test"}
    assert about["job"]["seed"] == 3

    started = build_classifier(job(str(out), "cam"), 4)
    for name, value in started.trunk.state_dict().items():
        expected = trained.trunk.state_dict()[name]
        assert value.dtype == expected.dtype
        assert torch.allclose(value, expected, rtol=2**-10, atol=2**-24)
    with pytest.raises(UserError, match="holds a trunk to start from, without a head"):
        load_model(out)


def test_the_weights_of_the_default_study_are_those_of_the_pretraining_config():
    """Trained by today's config/pretrain.yaml; its numbers are finite in half precision."""
    source = load("config/config.yaml").architectures["small_pretrained"].weights
    path = find_in_package(source)
    state, about = read_own_weights(path)
    recipe = load("config/pretrain.yaml")
    (model,) = recipe.models()
    assert TrainJob.model_validate(about["job"]) == recipe.train_job(*model)
    assert all(value.isfinite().all() for value in state.values())
    assert path.stat().st_size < 3_000_000


def test_weights_of_others_are_not_shipped_and_stay_where_they_are(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"w": torch.ones(2)}, path)
    with pytest.raises(UserError, match=r"other\.safetensors is not a weights file of a study"):
        run([str(path), "--made-by", "a test", "--out", str(tmp_path / "out.safetensors")])
    assert path.exists()
