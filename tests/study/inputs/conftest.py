import pytest
from workflow_config import study_with

from pipeline.artefacts.paths import Paths


@pytest.fixture
def paths():
    return Paths("out")


@pytest.fixture
def study():
    return study_with()
