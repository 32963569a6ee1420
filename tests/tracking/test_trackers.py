"""Results in trackers, for real: an MLflow file store, an offline run of Weights & Biases."""

import json
from pathlib import Path

import mlflow
import numpy as np
import pytest
from finished_study import identity, score
from PIL import Image

from pipeline.artefacts.files import read_json
from pipeline.runtime.errors import UserError
from pipeline.tracking.__main__ import run

CONFIG = {"title": "A study", "protocol": "corrected", "training": {"lr": 0.1, "epochs": 12}}
METRIC = "wsol/birds/net/cam/seed0/cam/class.maxboxaccv2"
PLACES = {
    "report.html",
    "tables/wsol.csv",
    "figures/birds/net/k.png",
    "figures/birds/net/t.svg",
}


@pytest.fixture
def results(tmp_path):
    """A results folder with the files of `PLACES` and two scores."""
    folder = tmp_path / "results"
    for place in PLACES:
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png":
            Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(path)
        else:
            path.write_text(f"the file {place}\n")
    who = identity("cam", "cam")
    score(folder / "wsol.json", "wsol", who, {"class.maxboxaccv2": 0.5, "class.maxboxacc_30": 0.75})
    many = {f"v{number}": number / 1000 for number in range(150)}  # more than one request takes
    score(folder / "many.json", "pointing_game", who, many, intervals=False)
    return folder


def send(results, tracker, section):
    out = results / "tracked" / f"{tracker}.json"
    run(
        [
            "--tracker", tracker, "--section", json.dumps({tracker: section}),
            "--study", json.dumps(CONFIG), "--results", str(results),
            "--scores", *map(str, sorted(results.glob("*.json"))),
            "--files", *(str(results / place) for place in sorted(PLACES)), "--out", str(out),
        ]
    )  # fmt: skip
    return read_json(out)


def test_an_mlflow_store_has_all_of_it(results, tmp_path):
    receipt = send(results, "mlflow", {"uri": str(tmp_path / "store")})
    client = mlflow.MlflowClient(tracking_uri=(tmp_path / "store").as_uri())
    run = client.get_run(receipt["run"])
    assert run.info.status == "FINISHED"
    assert client.get_experiment(run.info.experiment_id).name == "A study"
    assert run.data.params["training.lr"] == "0.1"
    assert run.data.tags["protocol"] == "corrected"
    assert len(run.data.metrics) == 2 * 3 + 150
    assert run.data.metrics[METRIC] == 0.5
    assert run.data.metrics[f"{METRIC}.high"] == 0.53
    for place in PLACES:
        kept = client.download_artifacts(run.info.run_id, place, str(tmp_path))
        assert Path(kept).read_bytes() == (results / place).read_bytes()


def test_a_second_push_is_a_second_run_of_the_same_experiment(results, tmp_path):
    section = {"uri": str(tmp_path / "store"), "experiment": "birds"}
    first, second = (send(results, "mlflow", section) for _ in range(2))
    assert first["experiment"] == second["experiment"]
    assert first["run"] != second["run"]
    client = mlflow.MlflowClient(tracking_uri=(tmp_path / "store").as_uri())
    assert len(client.search_runs([first["experiment"]])) == 2


def test_what_mlflow_refuses_is_said_and_leaves_no_receipt(results, tmp_path, monkeypatch):

    def refuse(*_, **__):
        raise mlflow.MlflowException("no such user")

    monkeypatch.setattr(mlflow.MlflowClient, "log_artifact", refuse)
    with pytest.raises(UserError, match=r"no such user.*results themselves are complete"):
        send(results, "mlflow", {"uri": str(tmp_path / "store")})
    assert not (results / "tracked" / "mlflow.json").exists()
    client = mlflow.MlflowClient(tracking_uri=(tmp_path / "store").as_uri())
    (run,) = client.search_runs([client.get_experiment_by_name("A study").experiment_id])
    assert run.info.status == "FAILED"


def test_an_offline_run_of_wandb_has_all_of_it(results):
    receipt = send(results, "wandb", {"project": "birds"})
    folder = Path(receipt["send"].removeprefix("wandb sync "))
    assert folder.parent == results / "tracked" / "wandb"
    content = b"".join(path.read_bytes() for path in folder.glob("run-*.wandb"))
    assert receipt["run"].encode() in content
    for word in (METRIC, "figures/birds/net/t.svg", "training", "A study"):
        assert word.encode() in content, word
