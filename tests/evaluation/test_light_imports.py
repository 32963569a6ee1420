"""Stages that only read stored maps, scores or tables start without PyTorch."""

import subprocess
import sys

import pytest

LIGHT = [
    "pipeline.evaluation.localisation.wsol",
    "pipeline.evaluation.cues.cue_localization",
    "pipeline.evaluation.gaze.baselines",
    "pipeline.tables.__main__",
    "pipeline.figures.__main__",
    "pipeline.report.page",
]


@pytest.mark.parametrize("module", LIGHT)
def test_no_torch(module):
    code = f"import sys, {module}; print([m for m in ('torch', 'torchvision') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
