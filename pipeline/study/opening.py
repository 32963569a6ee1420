"""The models from elsewhere are opened once before the first job, where PyTorch is to be had."""

import importlib.util
import subprocess
import sys

from pipeline.artefacts.paths import Paths
from pipeline.runtime.errors import UserError
from pipeline.study.inputs.models import ModelInputs, names_of
from pipeline.study.jobs import Study, params


def open_given_models(study: Study, paths: Paths) -> None:
    """Open those that are not kept yet, or whose files have changed since, in another process.

    With --use-conda Snakemake's own environment may lack PyTorch: the jobs that keep the models
    then say what this would have said.

    Raises:
        UserError: one cannot be used; the message is about all.
    """
    inputs = ModelInputs(study, paths)
    models = [names for names in names_of(study.models()) if study.given(str(names.architecture))]
    waiting = any(not inputs.is_kept(names) for names in models)
    if not waiting or importlib.util.find_spec("torch") is None:
        return
    command = [sys.executable, "-m", "pipeline.command.given_models", "--section", params(study)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UserError(_fault(done.returncode, done.stderr.strip()))


def _fault(status: int, said: str) -> str:
    """What the process said is wrong; all that it wrote where it did not get so far."""
    lines = said.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("error: "):
            return "\n".join(lines[number:]).removeprefix("error: ")
    killed = ", killed, often for lack of memory" if status < 0 else ""
    return (
        f"The models from elsewhere could not be opened: the process ended with exit status "
        f"{status}{killed}. It wrote:\n{said or '(nothing)'}"
    )
