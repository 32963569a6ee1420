"""A study's models are opened, or built, once before the first job, where PyTorch is installed."""

import importlib.util
import os
import subprocess
import sys

from pipeline.artefacts.paths import Paths, fill
from pipeline.catalogue.methods import METHODS
from pipeline.runtime.errors import UserError
from pipeline.settings import Architecture, GivenArchitecture
from pipeline.settings.models import LIBRARIES
from pipeline.study.inputs.models import ModelInputs, names_of
from pipeline.study.jobs import Study, params

Model = tuple[str, str, str]  # data set, architecture, variant
_NO_FILES = ("none", *LIBRARIES)
_SPECIAL = ("modules", "tokens")  # needs of methods that some trained models cannot meet


def is_of_library(architecture: Architecture | GivenArchitecture) -> bool:
    """Whether a study trains heads on a network of timm or torchvision."""
    return isinstance(architecture, Architecture) and ":" in architecture.trunk


def special_methods(study: Study, model: Model) -> tuple[str, ...]:
    """The methods of a trained model that need more of it than scores and features."""
    methods = study.methods_of(*model)
    return tuple(name for name in methods if name in METHODS and METHODS[name].needs in _SPECIAL)


def to_build(study: Study) -> dict[str, list[Model]]:
    """The architectures of trained models that may be unable to do what is asked of them.

    The trunk of a library may have no map, none of the wanted size, or no place for the training
    method; a method of attribution may not be possible on a trunk. All else, the config's own
    check has found.

    Returns:
        Architecture -> its models, which a network of a library may lack.
    """
    found: dict[str, list[Model]] = {
        name: [] for name, section in study.architectures.items() if is_of_library(section)
    }
    for model in study.models_without_seed():
        if model[1] in found or (not study.given(model[1]) and special_methods(study, model)):
            found.setdefault(model[1], []).append(model)
    return found


def started_from_files(study: Study) -> list[Model]:
    """The models that start from a file that neither the study makes nor a library downloads."""
    found = []
    for model in study.models_without_seed():
        if not study.given(model[1]):
            weights = study.train_job(*model, study.seeds[0]).weights
            if not weights.startswith(("model:", "torchvision:")) and weights not in _NO_FILES:
                found.append(model)
    return found


def open_models(study: Study, paths: Paths) -> None:
    """Open and build, in another process, the models of which something is still to be made.

    Models from elsewhere are opened again if their files have changed. With --use-conda Snakemake's
    own environment may lack PyTorch: the jobs then say what this would have said.

    Raises:
        UserError: one cannot be used; the message is about all.
    """
    if not _waiting(study, paths) or importlib.util.find_spec("torch") is None:
        return
    command = [sys.executable, "-m", "pipeline.command.open_models", "--section", params(study)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UserError(_fault(done.returncode, done.stderr.strip()))


def _waiting(study: Study, paths: Paths) -> bool:
    """Whether a model is not kept yet, or maps are missing that it may be unable to give."""
    inputs = ModelInputs(study, paths)
    built = {model for models in to_build(study).values() for model in models}
    for names, model in zip(names_of(study.models()), study.models(), strict=True):
        given = study.given(model[1])
        if given and not inputs.is_kept(names):
            return True
        if model[:3] in built and not os.path.exists(fill(paths.weights, names)):
            return True
        methods = study.methods_of(*model[:3])
        for method in methods if given else special_methods(study, model[:3]):
            needs = METHODS[method].needs if method in METHODS else "scores"
            maps = fill(paths.maps, names, split="test", method=method)
            if needs != "scores" and not os.path.exists(maps):
                return True
    return False


def _fault(status: int, said: str) -> str:
    """What the process said is wrong; all that it wrote where it did not get so far."""
    lines = said.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("error: "):
            return "\n".join(lines[number:]).removeprefix("error: ")
    killed = ", killed, often for lack of memory" if status < 0 else ""
    return (
        f"The models could not be opened: the process ended with exit status "
        f"{status}{killed}. It wrote:\n{said or '(nothing)'}"
    )
