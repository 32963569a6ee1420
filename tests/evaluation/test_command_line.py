"""The command line of the evaluations of single maps, on a tiny study."""

import importlib
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_study import CLASSES, tiny_study

from pipeline.artefacts.fixations import write_fixations
from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.scores import read_score
from pipeline.artefacts.shards import open_shards
from pipeline.catalogue.evaluations import EVALUATIONS, code_of_evaluation
from pipeline.evaluation.__main__ import run
from pipeline.images.loading import eval_loader
from pipeline.models import load_model, save_model
from pipeline.runtime.errors import UserError

SECTIONS = {
    "erase": {"fractions": [0.1, 0.5], "random_draws": 2},
    "insertion_deletion": {"steps": 4},
    "pointing_game": {"tolerance": 0.05},
    "relevance": {"region": "box"},
    "grid_pointing": {"grids": 3},
    "sensitivity_n": {"images": 5, "cells": 4, "subsets": 5, "fractions": [0.25, 0.5]},
    "contrastive_deletion": {"images": 5, "fractions": [0.2, 0.6], "against": "pairs"},
    "complexity": {},
    "random_logit": {"images": 5},
    "gaze": {"sigma": 0.1},
    "sanity": {"images": 5, "seed": 1},
    "infidelity": {"images": 5, "squares": 4, "changes": 3},
    "axioms": {"images": 5, "blocks": 2},
}
HEADLINES = {
    "erase": "accuracy.blur.most.50",
    "insertion_deletion": "insertion",
    "pointing_game": "hit_rate",
    "relevance": "rank",
    "grid_pointing": "localisation",
    "sensitivity_n": "correlation",
    "contrastive_deletion": "contrast",
    "complexity": "sparseness",
    "random_logit": "ssim",
    "gaze": "image.nss",
    "sanity": "spearman",
    "infidelity": "infidelity_share",
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
    rng = np.random.default_rng(1)
    looked = pd.DataFrame(
        {"image_id": study.table["image_id"].repeat(4), "viewer": ["a", "a", "b", "b"] * 12}
    )
    write_fixations(
        folder / "fixations.parquet",
        looked.assign(x=rng.uniform(0, 30, 48), y=rng.uniform(0, 30, 48), duration=100.0),
    )
    return study


def _learn(model, images, labels):
    """A class branch that tells the images apart by their mean features."""
    with torch.no_grad():
        features = model.trunk(images)["features"].mean(dim=(2, 3))  # (C, F)
        weight = torch.linalg.pinv(features) @ (20 * torch.eye(CLASSES)[labels])  # (F, C)
        model.head.classes.weight.copy_(weight.T[:, :, None, None])


def measure(study, out, name, variant, section, *more, method=None):
    """Run an evaluation on the command line -> its score file."""
    identity = dict.fromkeys(("dataset", "architecture", "variant"), "x")
    argv = {
        "--section": json.dumps(section | {"bootstrap": {"replicates": 20}}),
        "--weights": study.weights[variant],
        "--shards": study.shards,
        "--records": study.records,
        "--identity": json.dumps(identity | {"seed": 0, "method": method or METHODS[variant]}),
        "--workers": 0,
        "--out": out,
    }
    run([name, *(str(part) for pair in argv.items() for part in pair), *map(str, more)])
    return read_score(out)


@pytest.fixture
def base(study, tmp_path):
    """Of an evaluation that needs one: the arguments that name it."""

    def measured(task, variant):
        name = EVALUATIONS[task].base
        if name is None:
            return ()
        out = tmp_path / "base.json"
        score = measure(study, out, name, variant, SECTIONS[task], method="model")
        assert score["task"] == name
        return "--base", out

    return measured


def test_every_evaluation_is_tested_here():
    assert SECTIONS.keys() == HEADLINES.keys() == EVALUATIONS.keys()


def test_maps_alone_are_measured_without_a_model(study, tmp_path):
    """As with one, where an evaluation asks none."""
    maps = ("--maps", study.records.parent / "cam.h5")
    maps += ("--fixations", study.records.parent / "fixations.parquet")
    for task in (name for name, entry in EVALUATIONS.items() if not entry.asks_model):
        expected = measure(study, tmp_path / "with.json", task, "cam", SECTIONS[task], *maps)
        identity = {"dataset": "x", "architecture": "without_model", "variant": "own_maps"}
        run([
            task, "--section", json.dumps(SECTIONS[task] | {"bootstrap": {"replicates": 20}}),
            "--weights", "--shards", str(study.shards), "--records", str(study.records),
            "--identity", json.dumps(identity | {"seed": 0, "method": "cam"}), "--workers", "0",
            "--out", str(tmp_path / "alone.json"), *map(str, maps),
        ])  # fmt: skip
        found = read_score(tmp_path / "alone.json")
        assert found["values"] == expected["values"]
    assert not EVALUATIONS["pointing_game"].asks_model


def test_maps_alone_are_measured_without_torch(study, tmp_path):
    """The whole job, also where the workflow names the model's weights."""
    identity = dict.fromkeys(("dataset", "architecture", "variant", "method"), "x")
    arguments = [
        "complexity", "--section", "{}", "--weights", str(study.weights["cam"]),
        "--maps", str(study.records.parent / "cam.h5"), "--shards", str(study.shards),
        "--records", str(study.records), "--out", str(tmp_path / "score.json"),
        "--identity", json.dumps(identity | {"seed": 0}),
    ]  # fmt: skip
    code = (
        "import sys; from pipeline.evaluation.__main__ import run; run(sys.argv[1:]); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, *arguments], check=True)
    assert read_score(tmp_path / "score.json")["details"]["images"] == len(study.table)


def test_an_evaluation_of_a_model_needs_one(study, tmp_path):
    identity = {"dataset": "x", "architecture": "x", "variant": "x", "seed": 0, "method": "cam"}
    with pytest.raises(UserError, match="--weights: insertion_deletion asks a model"):
        run([
            "insertion_deletion", "--section", json.dumps(SECTIONS["insertion_deletion"]),
            "--weights", "--shards", str(study.shards), "--records", str(study.records),
            "--identity", json.dumps(identity), "--out", str(tmp_path / "out.json"),
        ])  # fmt: skip


@pytest.mark.parametrize("variant", METHODS)
@pytest.mark.parametrize("task", SECTIONS)
def test_an_evaluation_writes_its_score_and_equal_bytes_again(study, tmp_path, base, task, variant):
    maps = ("--maps", study.records.parent / f"{variant}.h5", *base(task, variant))
    maps += ("--pairs", study.pairs, "--fixations", study.records.parent / "fixations.parquet")
    for name in ("first", "second"):
        out = tmp_path / name / "score.json"
        score = measure(study, out, task, variant, SECTIONS[task], *maps)
    for suffix in ("json", "npz"):
        first, second = (tmp_path / name / f"score.{suffix}" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    assert score["task"] == task
    assert HEADLINES[task] in score["values"]
    assert set(score["intervals"]) <= set(score["values"])
    with np.load(tmp_path / "first" / "score.npz") as arrays:
        assert arrays.files[0] == "image_id"
        counted = "grids" if task == "grid_pointing" else "images"
        if task == "contrastive_deletion":  # a class of the tiny study is in no pair
            assert score["details"]["images"] < 5
        assert len(arrays["image_id"]) == score["details"][counted]
        if task == "erase":  # its replicates are of areas, which few images may leave undefined
            mean = arrays["correct.blur.most"][:, 1].mean()
        else:
            assert arrays[f"replicates.{HEADLINES[task]}"].shape == (20,)
            assert set(score["intervals"]) == set(score["values"])
            mean = arrays[HEADLINES[task]].mean()
        assert score["values"][HEADLINES[task]] == pytest.approx(mean)


def test_help_says_what_the_evaluation_measures(capsys):
    for name in ("axioms", "erase_random"):
        with pytest.raises(SystemExit):
            run([name, "--help"])
        about = importlib.import_module(code_of_evaluation(name)).__doc__.splitlines()[0]
        assert about in " ".join(capsys.readouterr().out.split())
    with pytest.raises(SystemExit):
        run(["axiom"])
    assert "invalid choice: 'axiom'" in capsys.readouterr().err
