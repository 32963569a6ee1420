"""Stages that only read stored maps, scores or tables start without PyTorch."""

import subprocess
import sys

import pytest
from tiny_study import tiny_study

from pipeline.catalogue.evaluations import EVALUATIONS
from pipeline.figures.__main__ import FIGURES

LIGHT = [
    "pipeline.evaluation.localisation.wsol",
    "pipeline.evaluation.cues.cue_localization",
    "pipeline.evaluation.gaze.baselines",
    "pipeline.evaluation.__main__",
    *(entry.code for entry in EVALUATIONS.values() if not entry.asks_model),
    "pipeline.tables.__main__",
    "pipeline.figures.__main__",
    *(
        f"pipeline.figures.{name}" for name in FIGURES if name != "superset_depth"
    ),  # it asks a model
    "pipeline.report.explorer",
    "pipeline.report.page",
    "pipeline.attribution.join",
]


def _heavy(code):
    """What of PyTorch a new process has imported after some code."""
    code += "\nimport sys; print([m for m in ('torch', 'torchvision') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("module", LIGHT)
def test_no_torch(module):
    assert _heavy(f"import {module}") == "[]"


def test_torch_would_be_found():
    assert _heavy("import torch") == "['torch']"


def test_images_of_local_shards_are_read_without_torch(tmp_path):
    manifest = str(tiny_study(tmp_path).shards)
    code = "from pipeline.artefacts.shards import open_shards\n"
    assert _heavy(f"{code}assert open_shards({manifest!r}).image(3).shape == (32, 32, 3)") == "[]"
