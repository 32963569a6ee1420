import json

import pandas as pd
import pytest
from finished_study import IS_A, KINDS, history, identity, pictures, score, tables_json
from matplotlib import pyplot as plt

from pipeline.artefacts.files import write_json
from pipeline.figures.__main__ import run
from pipeline.models import build_classifier, save_model
from pipeline.settings import Training, TrainJob

NAMES = ["cam/cam", "calm_em/joint", "calm_em/conditional", "calm_ml/joint"]
SECTION = {"dpi": 60, "gallery_images": 3, "gallery_pairs": 3, "kinds_images": 2}


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """Paths of a finished study's pictures, tables, histories, scores and a model by kind."""
    folder = tmp_path_factory.mktemp("study")
    paths = pictures(folder) | {
        "tables": tables_json(folder),
        "history": history(folder / "history.csv"),
        "is_a": folder / "is_a.txt",
        "wnids": folder / "wnids.csv",
        "supersets": folder / "supersets.json",
        "ledger": folder / "ledger.csv",
        "expected": folder / "expected_best.csv",
        "erase": [],
        "sanity": [],
        "reliability": [],
    }
    paths["is_a"].write_text(IS_A)
    names = [f"n0900001{label} Blue_Bird_{label}" for label in range(4)]
    table = pd.DataFrame({"label": range(4), "class_id": range(1, 5), "name": names})
    table.to_csv(paths["wnids"], index=False)
    groups = {"0": [0, 1], "1": [0, 1], "2": [2], "3": [3]}
    write_json(paths["supersets"], {"kind": "wordnet", "supersets": groups, "check": {}})
    ledger = pd.DataFrame({"lr": [0.1, 0.01], "score": [0.4, None], "status": ["ok", "failed"]})
    ledger.to_csv(paths["ledger"], index=False)
    expected = pd.DataFrame({"draws": [1, 2], "expected_best": [0.2, 0.3]})
    expected.to_csv(paths["expected"], index=False)
    for method in ("cam", "calm_em"):
        job = TrainJob(
            trunk="resnet_small", weights="none", seed=1, training=Training(method=method)
        )
        paths[f"{method}/weights"] = folder / f"{method}.safetensors"
        save_model(build_classifier(job, 4), paths[f"{method}/weights"], {})
    for variant in ("cam", "calm_em"):
        path = folder / "reliability" / f"{variant}.json"
        bins = [
            {"confidence": p, "accuracy": p * p, "low": p / 2, "high": p, "images": 9}
            for p in (0.3, 0.6, 0.9)
        ]
        who = identity(variant)
        paths["reliability"].append(score(path, "calibration", who, {"ece": 0.2}, curve=bins))
    for variant, method in (name.split("/") for name in NAMES):
        who = identity(variant, method)
        values = {f"relative.blur.most.{k}": 1 - k / 100 for k in (10, 50)} | {"relative": 0.5}
        paths["erase"].append(
            score(folder / "erase" / f"{variant}.{method}.json", "erase", who, values)
        )
        values = {"spearman.00": 0.9, "spearman.01": 0.1, "ssim.00": 0.8, "ssim.01": 0.4}
        depths = {"00": "head", "01": "conv1"}
        paths["sanity"].append(
            score(
                folder / "sanity" / f"{variant}.{method}.json", "sanity", who, values, depths=depths
            )
        )
    return paths


@pytest.fixture
def draw(study):
    """Run the command line of a figure: draw(name, paths to write, section, changed inputs)."""

    def draw(name, outs, section=SECTION, **changes):
        given = _arguments(study | changes, name)
        run([name, *map(str, [*given, "--section", json.dumps(section), "--out", *outs])])

    return draw


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def _arguments(study, name):
    """The command line of a figure, without --section and --out."""
    data = ["--shards", study["shards"], "--records", study["records"], "--title", "birds"]
    data += ["--classes", study["classes"]]
    if name == "gallery":
        parts = ["--part-maps", *([study["part_maps"]] if study["part_maps"] else [])]
        if study.get("every_method"):
            data.append("--every-method")
        return [*data, *parts, "--names", *NAMES, "--maps", *(study[each] for each in NAMES)]
    if name in ("contrast", "counterfactual"):
        names = ["cam/cam", f"calm_em/{'joint' if name == 'contrast' else 'counterfactual'}"]
        parts = [study["part_maps"]] if study["part_maps"] else []
        data += ["--pairs", study["pairs"], "--part-maps", *parts]
        data += ["--class-pairs", study.get("class_pairs", "[]")]
        return [*data, "--names", *names, "--maps", *(study[each] for each in names)]
    if name == "kinds":
        files = [study[f"calm_em/{kind}"] for kind in KINDS]
        return [*data, "--kinds", *KINDS, "--maps", *files]
    if name == "superset_depth":
        data[-1] = study["wnids"]
        given = ["--supersets", study["supersets"], "--is-a", study["is_a"]]
        return [*data, "--weights", study["calm_em/weights"], *given]
    if name == "search":
        given = ["--ledgers", study["ledger"], "--expected", study["expected"]]
        return ["--variants", "cam", *given, "--title", "birds"]
    if name == "cue_scores":
        return ["--tables", study["tables"], "--dataset", "birds", "--architecture", "net"]
    if name in ("erase_curves", "sanity_curves", "reliability"):
        return ["--scores", *study[name.removesuffix("_curves")], "--title", "birds"]
    return ["--variants", "cam", "--histories", study["history"], "--title", "birds"]
