import json
import math

import numpy as np
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.metrics import accuracy_score, log_loss
from small_training import job, run

from pipeline import calm
from pipeline.models.classifier import Classifier
from pipeline.settings import Training, TrainJob
from pipeline.training.constant import best_constant, log_odds, spread


def of_dummy(train, val):
    """Loss and accuracy of scikit-learn's constant prediction."""
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((len(train), 1)), train)
    nothing = np.zeros((len(val), 1))
    loss = log_loss(val, dummy.predict_proba(nothing), labels=dummy.classes_)
    return loss, accuracy_score(val, dummy.predict(nothing))


def test_of_classes_it_is_scikit_learns():
    rng = np.random.default_rng(0)
    share = rng.dirichlet(np.full(7, 5.0))
    train, val = rng.choice(7, 500, p=share), rng.choice(7, 90, p=share)
    assert len(np.unique(train)) == 7
    found = best_constant({"train": torch.tensor(train), "val": torch.tensor(val)}, 7)
    assert (found.loss, found.accuracy) == pytest.approx(of_dummy(train, val), rel=1e-12)
    drawn = rng.binomial(90, found.accuracy, 100_000) / 90
    assert found.accuracy_error == pytest.approx(drawn.std(), rel=0.02)


def test_of_attributes_it_is_scikit_learns_mean_over_them():
    rng = np.random.default_rng(1)
    share = rng.uniform(0.05, 0.95, 9)
    train, val = (rng.uniform(size=(n, 9)) < share for n in (300, 80))
    targets = {"train": torch.tensor(train).float(), "val": torch.tensor(val).float()}
    found = best_constant(targets, 2)
    each = [of_dummy(train[:, a], val[:, a]) for a in range(9)]
    assert (found.loss, found.accuracy) == pytest.approx(np.mean(each, axis=0), rel=1e-12)


def test_what_training_never_saw_costs_half_an_image_and_what_is_always_so_costs_nothing():
    classes = {"train": torch.tensor([0, 0, 1, 1]), "val": torch.tensor([2])}
    assert best_constant(classes, 3).loss == pytest.approx(math.log(8))
    same = torch.zeros(4, 2)
    assert best_constant({"train": same, "val": same}, 2).loss == 0
    ones = {"train": same, "val": torch.ones(1, 2)}
    assert best_constant(ones, 2).loss == pytest.approx(math.log(8))
    assert best_constant({"train": same, "val": same[:0]}, 2) is None


@pytest.mark.parametrize("method", ["cam", "calm_ml", "calm_em"])
def test_it_is_the_loss_of_a_model_whose_maps_are_constant(method):
    model = Classifier(
        TrainJob(trunk="resnet_small", weights="none", seed=0, training=Training(method=method)), 3
    )
    train, val = torch.tensor([0, 0, 0, 1, 2, 2]), torch.tensor([0, 1, 1, 2])
    cells = spread(model, 64)
    maps = torch.tensor([3, 1, 2]).div(6).log()[None, :, None, None].expand(4, 3, 8, 8)
    if method != "cam":  # log p(y, z|x), the same at each of the 64 locations
        maps = maps - math.log(64)
        assert torch.allclose(calm.class_log_probs(maps).exp().sum(1), torch.ones(4))
    assert cells == (64 if method == "calm_em" else 1)
    found = best_constant({"train": train, "val": val}, 3, cells)
    assert found.loss == pytest.approx(float(model.loss(maps, val)), rel=1e-6)


def test_attributes_start_at_their_base_rates(data, tmp_path):
    train = torch.tensor([[1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]]).float()
    assert torch.allclose(log_odds(train).sigmoid(), torch.tensor([1 / 4, 1 / 2, 1 / 8]))

    # red and green images, half of each; a rate too small to learn anything
    run(data, tmp_path, job("attributes", epochs=1, lr=1e-12), attributes=data / "attributes.txt")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    constant = metrics["best_constant"]
    # attribute 1 is red's, 2 green's, 3 red's: a fair coin each
    assert constant["loss"] == pytest.approx(math.log(2))
    assert constant["accuracy"] == 0.5
    assert constant.keys() == {"loss", "accuracy", "accuracy_error"}


def test_a_skewed_head_begins_with_the_loss_of_the_constant(data, tmp_path):
    """With the class branch near zero, only the biases speak."""
    np.savetxt(tmp_path / "attributes.txt", [[90, 10, 0], [80, 10, 0]])
    keys = {"epochs": 1, "lr": 1e-12, "class_init_scale": 1e-9}
    run(data, tmp_path, job("attributes", **keys), attributes=tmp_path / "attributes.txt")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["best_constant"]["loss"] == 0
    # attributes that never change: half of one of the 40 images is what is left of doubt
    doubt = -math.log1p(-1 / 80)
    assert metrics["last_epoch"]["val_loss"] == pytest.approx(doubt, rel=1e-3)
