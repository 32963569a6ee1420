# Common: the validated config, the paths of the results folder, and what jobs run in.
import atexit
import gc
import importlib.util
import os
import shlex
import shutil
import sys
from functools import cache
from glob import glob

# A plan is millions of small objects, and nearly all of them stay: to look for garbage among them at
# every 700th, and once more at the end, as Python does by itself, takes a quarter of its time.
gc.set_threshold(100_000, 20, 100)
atexit.register(gc.freeze)

# The folder of workflow/, whoever includes this file: a checkout, what `calm init` laid out, or the
# address of a repository.
ROOT = os.path.normpath(
    f"{workflow.current_basedir.get_path_or_uri(secret_free=True)}/../.."
)


def folder_of_package():
    """The folder that holds `pipeline`, from here: the checkout, or a link to an installed package.

    By the link its files keep their names, which are inputs of the jobs, when Python or the study
    moves; and a job in another environment (--use-conda) finds the package without its neighbours.
    """
    if os.path.isfile(f"{ROOT}/pipeline/__init__.py"):
        return os.path.relpath(ROOT)
    found = importlib.util.find_spec("pipeline")
    if found is None or found.origin is None:
        raise WorkflowError(
            "The package calm-study is not installed for this Python, "
            f"{sys.executable}: pip install it (docs/deploying.md)."
        )
    folder = ".snakemake/calm-study"
    package = os.path.realpath(os.path.dirname(found.origin))
    if os.path.realpath(f"{folder}/pipeline") != package:
        os.makedirs(folder, exist_ok=True)
        os.symlink(package, f"{folder}/{os.getpid()}")
        os.replace(f"{folder}/{os.getpid()}", f"{folder}/pipeline")
    return folder


CODE = folder_of_package()
# Modules of the user's own may lie next to the main Snakefile.
IMPORTED_FROM = list(
    dict.fromkeys(os.path.abspath(folder) for folder in (CODE, workflow.basedir))
)
sys.path[:0] = IMPORTED_FROM

# first: rules of another version may import what the package does not have
from pipeline.command.init import problem_of_rules

if problem := problem_of_rules(ROOT):
    raise WorkflowError(problem)

from pipeline.artefacts.paths import MODEL, NO_MAPS, SEARCHED, Paths, fill
from pipeline.catalogue.evaluations import EVALUATIONS, code_of_evaluation
from pipeline.catalogue.methods import METHODS
from pipeline.display.closing import announce
from pipeline.display.handler import attach
from pipeline.runtime import machine, orphans, progress_files
from pipeline.runtime.errors import UserError
from pipeline.study.caches import write_caches
from pipeline.study.code_lists import list_code
from pipeline.study.inputs.data import DataInputs
from pipeline.study.inputs.figures import FigureInputs, figure_code, options
from pipeline.study.inputs.maps import TOGETHER, MapInputs
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
OF_MAPS = [name for name, each in EVALUATIONS.items() if not each.asks_model]
OF_MODELS = [name for name, each in EVALUATIONS.items() if each.asks_model]


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


# Without --use-conda jobs run in the Python that runs Snakemake; with it, in their environment, which is
# activated before this prefix. The parent of the shell is Snakemake: no job outlives it
# (pipeline/runtime/orphans.py).
prefix = (
    f"export PYTHONPATH={shlex.quote(os.pathsep.join(IMPORTED_FROM))} {orphans.VARIABLE}=$PPID"
    f" {progress_files.VARIABLE}={shlex.quote(os.path.abspath(progress_files.FOLDER))}; "
)
if any(
    "gres" in given for given in workflow.resource_settings.overwrite_resources.values()
):
    prefix += f"export {machine.GRES}=1; "
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
    """The list of what a stage is made of. A relative path: a study that is moved stays up to date."""
    return [checked(list_code, ".snakemake/calm-study/code", *modules)]


def caption_of(name):
    """The file of a caption in workflow/report, as jobs find it."""
    if os.path.isdir(ROOT):
        return os.path.relpath(f"{ROOT}/workflow/report/{name}.rst")
    return workflow.source_path(f"../report/{name}.rst")
