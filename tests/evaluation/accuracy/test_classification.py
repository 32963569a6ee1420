import json

import numpy as np
import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    log_loss,
    recall_score,
    top_k_accuracy_score,
)
from tiny_study import CLASSES, IMAGES, tiny_study

from pipeline.artefacts.files import sha256
from pipeline.artefacts.scores import read_score
from pipeline.artefacts.shards import open_shards
from pipeline.evaluation.accuracy import classification
from pipeline.images.loading import Batch, eval_loader
from pipeline.models import load_model
from pipeline.runtime.errors import UserError
from pipeline.settings import Bootstrap, Classification

CPU = torch.device("cpu")
SECTION = Classification(bootstrap=Bootstrap(replicates=200))


class Table(torch.nn.Module):
    """A model whose class log probabilities are a table; images name their row."""

    def __init__(self, log_probs):
        super().__init__()
        self.table = torch.as_tensor(log_probs)

    def forward(self, images):
        return images[:, 0, 0, 0].long()

    def log_probs(self, images):
        maps = self(images)
        return self.table[maps]


def _batches(labels, size=7):
    for start in range(0, len(labels), size):
        rows = torch.arange(start, min(start + size, len(labels)))
        images = rows.float()[:, None, None, None].expand(-1, 3, 2, 2)
        yield Batch(images, torch.as_tensor(labels)[rows], [f"image {row}" for row in rows])


@pytest.fixture
def guesses():
    random = np.random.default_rng(3)
    labels = random.integers(0, 5, 60)
    scores = random.standard_normal((60, 6))  # class 5 has no image
    scores[np.arange(60), labels] += 1
    return labels, torch.log_softmax(torch.tensor(scores), 1)


def test_accuracy_likelihood_and_class_accuracies_are_those_of_sklearn(guesses):
    labels, log_probs = guesses
    predictions = classification.predict(Table(log_probs), _batches(labels), CPU)
    summary = classification.summarise(predictions, SECTION)
    predicted = log_probs.argmax(1).numpy()
    top5 = top_k_accuracy_score(labels, log_probs.numpy(), k=5, labels=range(6))
    assert summary.values == {
        "top1": pytest.approx(accuracy_score(labels, predicted)),
        "top5": pytest.approx(top5),
    }
    assert summary.values["top1"] < top5 < 1
    assert 0 < summary.values["top1"] < 1
    nll = log_loss(labels, log_probs.exp().numpy(), labels=range(6))
    assert summary.details["mean_nll"] == pytest.approx(nll)
    assert summary.details["images"] == 60
    recalls = recall_score(labels, predicted, average=None, labels=range(5))
    per_class = summary.details["per_class"]
    assert [entry["label"] for entry in per_class] == list(range(5))
    assert [entry["top1"] for entry in per_class] == pytest.approx(recalls.tolist())
    assert [entry["images"] for entry in per_class] == np.bincount(labels).tolist()
    assert predictions.image_ids.tolist() == [f"image {row}" for row in range(60)]


def test_confidence_and_brier_score_of_each_image(guesses):
    labels, log_probs = guesses
    predictions = classification.predict(Table(log_probs), _batches(labels), CPU)
    probabilities = log_probs.exp().numpy()
    assert predictions.confidence == pytest.approx(probabilities.max(1))
    brier = brier_score_loss(labels, probabilities, labels=range(6), scale_by_half=False)
    assert predictions.brier.mean() == pytest.approx(brier)
    arrays = classification.summarise(predictions, SECTION).arrays
    assert arrays["brier"] is predictions.brier
    assert arrays["confidence"] is predictions.confidence


def test_of_equally_likely_classes_the_first_come_first():
    log_probs = np.log(np.full((7, 7), 1 / 7))
    predictions = classification.predict(Table(log_probs), _batches(np.arange(7)), CPU)
    assert predictions.rank.tolist() == list(range(7))
    assert (predictions.rank == 0).tolist() == predictions.hits.tolist()
    assert classification.summarise(predictions, SECTION).values["top5"] == 5 / 7


def test_of_five_classes_there_is_no_top5():
    log_probs = np.log(np.full((5, 5), 1 / 5))
    predictions = classification.predict(Table(log_probs), _batches(np.arange(5)), CPU)
    assert list(classification.summarise(predictions, SECTION).values) == ["top1"]


def test_the_interval_is_that_of_a_bootstrap_over_images(guesses):
    labels, log_probs = guesses
    predictions = classification.predict(Table(log_probs), _batches(labels), CPU)
    section = Classification(bootstrap=Bootstrap(replicates=4000))
    low, high = classification.summarise(predictions, section).intervals["top1"]
    hits = (predictions.predicted == labels).astype(float)
    error = hits.std() / np.sqrt(len(hits))  # the normal approximation is near at 60 images
    assert low == pytest.approx(hits.mean() - 1.96 * error, abs=0.025)
    assert high == pytest.approx(hits.mean() + 1.96 * error, abs=0.025)


def test_a_label_that_the_model_does_not_know_and_nan_name_the_image(guesses):
    labels, log_probs = guesses
    with pytest.raises(UserError, match=r"image 0.* label 9.* 6 classes"):
        classification.predict(Table(log_probs), _batches([9, *labels[1:]]), CPU)
    log_probs[8, 2] = float("nan")
    with pytest.raises(UserError, match="NaN for image image 8"):
        classification.predict(Table(log_probs), _batches(labels), CPU)
    with pytest.raises(UserError, match="empty"):
        classification.predict(Table(log_probs), [], CPU)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return tiny_study(tmp_path_factory.mktemp("study"))


IDENTITY = {"dataset": "d", "architecture": "a", "variant": "v", "seed": 0, "method": "model"}


def _arguments(study, variant, out):
    return [
        "--section", SECTION.model_dump_json(), "--weights", str(study.weights[variant]),
        "--shards", str(study.shards), "--identity", json.dumps(IDENTITY), "--out", str(out),
        "--batch-size", "5", "--threads", "1",
    ]  # fmt: skip


@pytest.mark.parametrize("variant", ["cam", "calm_em"])
def test_the_command_writes_a_score_and_one_row_an_image(study, tmp_path, variant):
    classification.run(_arguments(study, variant, tmp_path / "model.json"))
    score = read_score(tmp_path / "model.json")
    assert score["task"] == "classification"
    assert score["identity"] == IDENTITY
    assert score["provenance"]["inputs"]["weights"] == sha256(study.weights[variant])

    model = load_model(study.weights[variant])
    with torch.inference_mode():
        (batch,) = eval_loader(open_shards(study.shards), batch_size=IMAGES, workers=0)
        probabilities = model.log_probs(batch.images).exp().numpy()
    assert probabilities.shape == (IMAGES, CLASSES)
    with np.load(tmp_path / "model.npz") as rows:
        assert rows["image_id"].tolist() == study.table["image_id"].tolist()
        assert rows["label"].tolist() == study.table["label"].tolist()
        assert rows["prediction"].tolist() == probabilities.argmax(1).tolist()
        expected = probabilities[np.arange(IMAGES), rows["label"]]
        assert np.allclose(rows["probability"], expected, atol=1e-5)
        right = rows["label"] == rows["prediction"]
        replicates = rows["replicates.top1"]
    assert score["values"]["top1"] == right.mean()
    draws = np.random.default_rng(0).integers(IMAGES, size=(200, IMAGES))
    np.testing.assert_allclose(replicates, right[draws].mean(axis=1), atol=1e-6)

    before = [(tmp_path / name).read_bytes() for name in ("model.json", "model.npz")]
    classification.run(_arguments(study, variant, tmp_path / "model.json"))
    assert [(tmp_path / name).read_bytes() for name in ("model.json", "model.npz")] == before


def test_a_model_of_attributes_has_no_accuracy(study, tmp_path):
    with pytest.raises(UserError, match="attributes"):
        classification.run(_arguments(study, "attributes", tmp_path / "model.json"))
    assert not list(tmp_path.iterdir())
