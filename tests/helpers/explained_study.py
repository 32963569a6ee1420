"""A study as the workflow lays it out: results/models/birds/net/NAME/seed0 and what lies around."""

from pathlib import Path

from pipeline.artefacts.files import write_json
from pipeline.models import build_classifier, save_model
from pipeline.settings import Training, TrainJob

NAMES = ("001.House_Sparrow", "002.Tree_Sparrow", "003.Laysan_Albatross", "004.Brewer's_Blackbird")
SIDE = 64


def write_study(folder: Path) -> Path:
    """Untrained models and what `calm explain` reads besides them, under ``folder``/results."""
    results = folder / "results"
    for method in ("cam", "calm_em", "attributes"):
        job = TrainJob(
            trunk="resnet_small", weights="none", seed=1, training=Training(method=method)
        )
        weights = results / "models" / "birds" / "net" / method / "seed0" / "weights.safetensors"
        save_model(build_classifier(job, len(NAMES)), weights, {})
    (results / "datasets" / "birds").mkdir(parents=True)
    lines = [f"{label},{label + 1},{name}" for label, name in enumerate(NAMES)]
    (results / "datasets" / "birds" / "classes.csv").write_text(
        "\n".join(["label,class_id,name", *lines]) + "\n"
    )
    groups = {"0": [0, 1], "1": [0, 1], "2": [2, 3], "3": [2, 3]}
    write_json(results / "supersets" / "birds.json", {"supersets": groups})
    write_json(results / "shards" / "birds" / "test" / "manifest.json", {"side": SIDE})
    return results
