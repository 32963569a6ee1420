import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.metrics import brier_score_loss, log_loss

from pipeline.artefacts.scores import read_arrays, read_score
from pipeline.evaluation.accuracy import calibration, classification
from pipeline.evaluation.bootstrap import replicated_means
from pipeline.evaluation.result import write_result
from pipeline.images.loading import Batch
from pipeline.runtime.errors import UserError
from pipeline.settings import Bootstrap, Calibration, Classification

SECTION = Calibration(bootstrap=Bootstrap(replicates=100))
IDENTITY = {"dataset": "d", "architecture": "a", "variant": "v", "seed": 0, "method": None}


class Table(torch.nn.Module):
    """A model whose class log probabilities are a table; images name their row."""

    def __init__(self, log_probs):
        super().__init__()
        self.table = log_probs

    def log_probs(self, images):
        return self.table[images[:, 0, 0, 0].long()]


@pytest.fixture(scope="module")
def probabilities():
    """Labels (200,) and p(y|x) (200, 6) of an overconfident model."""
    random = np.random.default_rng(1)
    p = random.dirichlet(np.full(6, 0.5), 200)
    labels = np.array([random.choice(6, p=row) for row in p])
    sharp = p**2 / (p**2).sum(axis=1, keepdims=True)
    return labels, sharp


@pytest.fixture(scope="module")
def predictions(probabilities, tmp_path_factory):
    """The score file of the classification of these images."""
    labels, p = probabilities
    images = torch.arange(200.0)[:, None, None, None].expand(-1, 3, 2, 2)
    batch = Batch(images, torch.as_tensor(labels), [f"image {row}" for row in range(200)])
    predicted = classification.predict(Table(torch.tensor(p).log()), [batch], torch.device("cpu"))
    path = tmp_path_factory.mktemp("scores") / "classification.json"
    result = classification.summarise(predicted, Classification())
    empty = {"section": "", "inputs": {}}
    write_result(path, result, task="classification", identity=IDENTITY, provenance=empty)
    return path


def arguments(predictions, out):
    given = ["--section", SECTION.model_dump_json(), "--predictions", str(predictions)]
    return [*given, "--identity", json.dumps(IDENTITY), "--out", str(out)]


def test_values_are_those_of_scikit_learn(probabilities, predictions, tmp_path):
    labels, p = probabilities
    calibration.run(arguments(predictions, tmp_path / "model.json"))
    score = read_score(tmp_path / "model.json")
    values = score["values"]
    brier = brier_score_loss(labels, p, labels=range(6), scale_by_half=False)
    assert values["brier"] == pytest.approx(brier)
    assert values["nll"] == pytest.approx(log_loss(labels, p, labels=range(6)))
    assert values["top1"] == (p.argmax(1) == labels).mean()
    assert values["confidence"] == pytest.approx(p.max(1).mean())
    assert values["ece"] >= values["confidence"] - values["top1"] > 0.1  # by its definition
    assert values["mce"] >= values["ece"]
    assert values["ece"] > 2 * values["ece_calibrated"] > 0
    assert set(values) - set(score["intervals"]) == {"mce", "ece_calibrated"}
    for name, (low, high) in score["intervals"].items():
        assert low < values[name] < high
    assert sum(each["images"] for each in score["details"]["curve"]) == 200
    assert score["provenance"]["inputs"].keys() == {"predictions"}


def test_means_are_resampled_as_those_of_every_evaluation(probabilities, predictions, tmp_path):
    labels, p = probabilities
    calibration.run(arguments(predictions, tmp_path / "model.json"))
    arrays = read_arrays(tmp_path / "model.json")
    assert arrays["image_id"].tolist() == [f"image {row}" for row in range(200)]
    wanted = (p - np.eye(6)[labels]) ** 2
    expected = replicated_means(wanted.sum(axis=1), SECTION.bootstrap)
    assert arrays["replicates.brier"] == pytest.approx(expected, rel=1e-5)
    assert arrays["replicates.ece"].shape == (100,)


def test_an_image_of_probability_zero_leaves_the_likelihood_out(predictions):
    given = dict(read_arrays(predictions))
    given["log_probability"][3] = -np.inf
    result = calibration.calibrate(given, SECTION)
    assert "nll" not in result.values
    assert "brier" in result.values


def test_results_of_an_older_version_are_refused(predictions, tmp_path):
    old = tmp_path / "old.json"
    score = read_score(predictions)
    arrays = {name: read_arrays(predictions)[name] for name in ("image_id", "label", "prediction")}
    write_result(
        old,
        classification.Result(score["values"], score["intervals"], {}, arrays),
        task="classification",
        identity=IDENTITY,
        provenance=score["provenance"],
    )
    with pytest.raises(UserError, match=r"old\.npz lacks confidence, brier, log_probability"):
        calibration.run(arguments(old, tmp_path / "new.json"))


def test_it_needs_no_pytorch(predictions, tmp_path):
    code = (
        "import sys; from pipeline.evaluation.accuracy.calibration import run; run(sys.argv[1:]); "
        "print('torch' in sys.modules)"
    )
    given = arguments(predictions, tmp_path / "model.json")
    ran = subprocess.run([sys.executable, "-c", code, *given], capture_output=True, text=True)
    assert ran.stdout.strip() == "False", ran.stderr
