"""The model in a weights file of a study, whether the study trained it or was given it."""

from pathlib import Path

from pipeline.artefacts.weights import describes_model, description_of, read_own_weights
from pipeline.models.classifier import Classifier
from pipeline.models.classifier import load_model as load_trained
from pipeline.models.given import GivenModel
from pipeline.models.wrapping import restored

Model = Classifier | GivenModel


def is_of_study(path: str | Path) -> bool:
    """Whether a file is a weights file of a study."""
    return describes_model(Path(path))


def load_model(path: str | Path) -> Model:
    """Rebuild a model from its file, in evaluation mode, on the CPU.

    Raises:
        UserError: the file is missing, no weights file of this study, a trunk alone, or damaged
            (it is moved aside).
    """
    if "given" in (description_of(Path(path)) or {}):
        return restored(*read_own_weights(Path(path)))
    return load_trained(path)
