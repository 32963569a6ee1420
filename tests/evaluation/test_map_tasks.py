"""The command lines of the evaluations that check single maps, on a tiny study."""

import importlib
import json

import numpy as np
import pytest
import torch
from tiny_study import CLASSES, tiny_study

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.scores import read_score
from pipeline.artefacts.shards import open_shards
from pipeline.catalogue.evaluations import TASKS
from pipeline.images.loading import eval_loader
from pipeline.models import load_model, save_model

SECTIONS = {
    "pointing_game": {"tolerance": 0.05},
    "grid_pointing": {"grids": 3},
    "sanity": {"images": 5, "seed": 1},
    "infidelity": {"images": 5, "squares": 4, "changes": 3},
    "axioms": {"images": 5, "blocks": 2},
}
HEADLINES = {
    "pointing_game": "hit_rate",
    "grid_pointing": "localisation",
    "sanity": "spearman",
    "infidelity": "infidelity",
    "axioms": "completeness_gap",
}
METHODS = {"cam": "cam", "calm_em": "joint"}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The tiny study, its models made to know one image of each class, and maps."""
    folder = tmp_path_factory.mktemp("study")
    study = tiny_study(folder)
    (batch,) = eval_loader(open_shards(study.shards), batch_size=99, workers=0)
    for variant, method in METHODS.items():
        model = load_model(study.weights[variant])
        _learn(model, batch.images[::3], batch.labels[::3])
        save_model(model, study.weights[variant], {})
        rows = list(zip(study.table["image_id"], map(str, study.table["label"]), strict=True))
        maps = np.random.default_rng(0).random((len(rows), 4, 4)).astype(np.float32)
        with MapStore.create(
            folder / f"{variant}.h5",
            rows=rows,
            shape=(4, 4),
            method=method,
            targets="class",
            units="x",
            attributes={},
        ) as writer:
            writer.write(0, maps, np.ones(len(rows)))
    return study


def _learn(model, images, labels):
    """A class branch that tells the images apart by their mean features."""
    with torch.no_grad():
        features = model.trunk(images)["features"].mean(dim=(2, 3))  # (C, F)
        weight = torch.linalg.pinv(features) @ (20 * torch.eye(CLASSES)[labels])  # (F, C)
        model.head.classes.weight.copy_(weight.T[:, :, None, None])


@pytest.mark.parametrize("variant", METHODS)
@pytest.mark.parametrize("task", SECTIONS)
def test_a_task_writes_its_score_and_equal_bytes_again(study, tmp_path, task, variant):
    identity = dict.fromkeys(("dataset", "architecture", "variant"), "x")
    argv = {
        "--section": json.dumps(SECTIONS[task] | {"bootstrap": {"replicates": 20}}),
        "--weights": study.weights[variant],
        "--shards": study.shards,
        "--records": study.records,
        "--maps": study.records.parent / f"{variant}.h5",
        "--identity": json.dumps(identity | {"seed": 0, "method": METHODS[variant]}),
        "--workers": 0,
    }
    module = importlib.import_module(TASKS[task].code)
    for name in ("first", "second"):
        out = {"--out": tmp_path / f"{name}.json"}
        module.run([str(part) for pair in (argv | out).items() for part in pair])
    for suffix in ("json", "npz"):
        first, second = (tmp_path / f"{name}.{suffix}" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    score = read_score(tmp_path / "first.json")
    assert HEADLINES[task] in score["values"]
    assert set(score["intervals"]) == set(score["values"])
    with np.load(tmp_path / "first.npz") as arrays:
        assert arrays.files[0] == "image_id"
        assert arrays[f"replicates.{HEADLINES[task]}"].shape == (20,)
        counted = "grids" if task == "grid_pointing" else "images"
        assert len(arrays["image_id"]) == score["details"][counted]
        mean = arrays[HEADLINES[task]].mean()
        assert score["values"][HEADLINES[task]] == pytest.approx(mean)
