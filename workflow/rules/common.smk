# Common: the validated config, path patterns, and what several stages ask of them.
import os
import shlex
import sys

sys.path.insert(0, workflow.basedir)

from pipeline import config as study_config
from pipeline.codegraph import code_of
from pipeline.errors import UserError

try:
    STUDY = study_config.load(config)
except UserError as problem:
    raise WorkflowError(str(problem))

RESULTS = STUDY.results
MODEL = "{dataset}/{architecture}/{variant}/seed{seed}"
WEIGHTS = f"{RESULTS}/models/{MODEL}/weights.safetensors"
ENV = "../../envs/torch.yaml"


wildcard_constraints:
    dataset="|".join(STUDY.datasets),
    architecture="|".join(STUDY.architectures),
    variant="|".join(sorted({v for d in STUDY.datasets.values() for v in d.variants})),
    seed=r"\d+",
    split="train|val|test",
    method="|".join(sorted({*STUDY.methods.cam, *STUDY.methods.calm})),


# Jobs import `pipeline` from this checkout. Without --use-conda they run in the Python that runs
# Snakemake; with it, in their environment, which is activated before this prefix.
prefix = f"export PYTHONPATH={shlex.quote(str(workflow.basedir))}; "
if "conda" not in {str(m) for m in workflow.deployment_settings.deployment_method}:
    prefix += f'export PATH={shlex.quote(os.path.dirname(sys.executable))}:"$PATH"; '
shell.prefix(prefix)


def model_names(models):
    """Wildcards of models."""
    return [
        dict(zip(("dataset", "architecture", "variant", "seed"), model))
        for model in models
    ]


def dataset_of(wildcards):
    return STUDY.datasets[wildcards.dataset]


def root_of(wildcards):
    """Folder of a data set's raw files."""
    return dataset_of(wildcards).root or f"{RESULTS}/raw/{wildcards.dataset}"


def device_of(resources):
    """Jobs see `resources.gpu` after Snakemake's cap, so 0 means: none was granted."""
    return "cuda" if resources.get("gpu", 0) else "cpu"


def pairs_of(wildcards):
    """The class pairs of a data set; none where cue localisation is not measured."""
    if dataset_of(wildcards).cues:
        return f"{RESULTS}/cues/{wildcards.dataset}/pairs.csv"
    return []


def identity_of(wildcards):
    """What a score belongs to, as canonical JSON."""
    names = dict(zip(("dataset", "architecture", "variant", "method"), [None] * 4))
    names |= {name: str(value) for name, value in wildcards.items() if name in names}
    seed = wildcards.get("seed")
    return study_config.canonical_json(names | {"seed": seed and int(seed)})
