import json
from pathlib import Path

import pytest
from finished_study import (
    MODELS,
    explorer_arguments,
    history,
    metrics,
    pictures,
    red_picture,
    tables_json,
)

from pipeline.artefacts.files import write_json
from pipeline.report.__main__ import run
from pipeline.report.explorer import run as run_explorer

CAPTIONS = sorted(Path(__file__).parents[2].glob("workflow/report/*.rst"))
STUDY = {
    "protocol": "corrected",
    "seeds": [0],
    "datasets": {"birds": {"architectures": ["net"], "variants": {name: {} for name in MODELS}}},
}


@pytest.fixture(scope="session")
def explorer_json(tmp_path_factory):
    """Data of an explorer with 16 images, and the paths of what it was made of."""
    folder = tmp_path_factory.mktemp("explorer")
    paths = pictures(folder)
    out = folder / "net.json"
    run_explorer(explorer_arguments(paths, out))
    return out, paths


@pytest.fixture(scope="session")
def inputs(tmp_path_factory, explorer_json):
    """The inputs of a report: option -> path."""
    folder = tmp_path_factory.mktemp("study")
    figure = folder / "figures" / "birds" / "net" / "gallery.png"
    figure.parent.mkdir(parents=True)
    red_picture(figure)
    check = folder / "datasets" / "birds" / "check.json"
    write_json(check, {"skipped": {"images_of_other_classes": 7}, "classes": 4})
    benchmark = folder / "benchmarks" / "train" / "birds" / "net" / "cam" / "seed0.tsv"
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text("s\th:m:s\tmax_rss\n75.2\t0:01:15\t2048.0\n")
    return {
        "tables": tables_json(folder),
        "figures": figure,
        "explorers": explorer_json[0],
        "metrics": metrics(folder / "models/birds/net/cam/seed0/metrics.json"),
        "checks": check,
        "manifests": history(folder / "any.csv"),
        "benchmarks": folder / "benchmarks",
    }


@pytest.fixture(scope="session")
def write_report(inputs):
    """A function that writes a report and returns its text."""

    def write(out, title="A study", **more):
        study = json.dumps({"title": title, **STUDY})
        given = ["--study", study, "--out", str(out), "--captions", *map(str, CAPTIONS)]
        for name, paths in (inputs | more).items():
            given += [f"--{name}", *map(str, paths if isinstance(paths, list) else [paths])]
        run(given)
        return out.read_text()

    return write
