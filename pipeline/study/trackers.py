"""The packages of the trackers that a study names, looked for before the first job."""

from importlib.util import find_spec

from pipeline.runtime.errors import UserError
from pipeline.study.jobs import Study


def check_packages(study: Study) -> None:
    """Look whether each is installed; they are not imported.

    Raises:
        UserError: one is not.
    """
    for name, section in study.trackers:
        if section and find_spec(name) is None:
            raise UserError(missing_package(name))


def missing_package(name: str) -> str:
    """What to say where the package of a tracker, of the same name, is missing."""
    return (
        f"trackers.{name} needs the package {name}. Install it (pip install 'calm-study[{name}]'), "
        "or leave the key out of the config."
    )
