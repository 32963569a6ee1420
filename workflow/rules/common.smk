# Common: the validated config, the paths of the results folder, and what jobs run in.
import os
import shlex
import shutil
import sys
from functools import cache
from glob import glob

sys.path.insert(0, workflow.basedir)

from pipeline.artefacts.paths import MODEL, NO_MAPS, SEARCHED, Paths, fill
from pipeline.catalogue.evaluations import EVALUATIONS, code_of_evaluation
from pipeline.catalogue.methods import METHODS
from pipeline.display.closing import announce
from pipeline.display.handler import attach
from pipeline.runtime import codegraph, orphans, progress_files
from pipeline.runtime.errors import UserError
from pipeline.study.caches import write_caches
from pipeline.study.inputs.data import DataInputs
from pipeline.study.inputs.figures import FigureInputs, figure_code, options
from pipeline.study.inputs.maps import NOISE, MapInputs
from pipeline.study.inputs.models import ModelInputs
from pipeline.study.inputs.report import ReportInputs
from pipeline.study.inputs.scores import (
    CUE_BASELINES,
    GAZE_BASELINES,
    WSOL_BASELINES,
    ScoreInputs,
)
from pipeline.study.jobs import params
from pipeline.study.loading import load
from pipeline.study.needs import records_job
from pipeline.study.opening import open_models
from pipeline.study.trackers import check_packages


def checked(function, *given):
    """What a function returns; its error for the user ends the run."""
    try:
        return function(*given)
    except UserError as problem:
        raise WorkflowError(str(problem))


attach(workflow)  # progress for people, in the place of Snakemake's messages
# Files of the command line count from where Snakemake was started, ours from where it runs.
CONFIG_FILES = [
    os.path.join(
        workflow.workdir_init if file in workflow.overwrite_configfiles else "", file
    )
    for file in workflow.configfiles
]
STUDY = checked(load, config, CONFIG_FILES)
PATHS = Paths(STUDY.results)
LOGS, BENCHMARKS = PATHS.logs, PATHS.benchmarks
ENV = "../../envs/torch.yaml"

# Which files a job needs (pipeline/study/inputs/).
DATA = DataInputs(STUDY, PATHS)
MODELS = ModelInputs(STUDY, PATHS)
MAPS = MapInputs(STUDY, PATHS)
SCORES = ScoreInputs(STUDY, PATHS)
FIGURES = FigureInputs(STUDY, PATHS)
REPORT = ReportInputs(STUDY, PATHS)


wildcard_constraints:
    dataset="|".join(STUDY.datasets),
    architecture=MODELS.architectures(),
    variant=MODELS.variants(),
    seed=r"\d+",
    split="train|val|test",
    method="|".join(sorted(STUDY.every_method())),
    task="|".join(EVALUATIONS),
    chunk=r"\d+",
    draw=r"\d+",
    tracker="|".join(type(STUDY.trackers).model_fields),
    figure=r"[a-z_]+(\.[\w-]+)?",


# Jobs import `pipeline` from this checkout. Without --use-conda they run in the Python that runs
# Snakemake; with it, in their environment, which is activated before this prefix. The parent of the
# shell is Snakemake: no job outlives it (pipeline/runtime/orphans.py).
prefix = (
    f"export PYTHONPATH={shlex.quote(str(workflow.basedir))} {orphans.VARIABLE}=$PPID"
    f" {progress_files.VARIABLE}={shlex.quote(os.path.abspath(progress_files.FOLDER))}; "
)
CONDA = "conda" in {str(m) for m in workflow.deployment_settings.deployment_method}
if CONDA:
    if not shutil.which("conda"):
        raise WorkflowError(
            "--use-conda needs conda on the PATH, 24.7.1 or later, and there is none. Install it, "
            "or leave --use-conda out: the rules then run in the Python that Snakemake runs in."
        )
else:
    prefix += f'export PATH={shlex.quote(os.path.dirname(sys.executable))}:"$PATH"; '
shell.prefix(prefix)


# Before the first job. All models are opened or built, so that a fault ends the run at its start.
onstart:
    checked(write_caches, STUDY, PATHS)
    checked(open_models, STUDY, PATHS)
    if not CONDA:  # which has an environment with the packages
        checked(check_packages, STUDY)


# After the last: where the report is, and what came out.
onsuccess:
    announce({file for job in workflow.dag.jobs for file in job.output}, PATHS)


@cache
def code_of(*modules):
    """Files that a stage is made of. Relative paths: a study that is moved stays up to date."""
    return [os.path.relpath(path) for path in codegraph.code_of(*modules)]
