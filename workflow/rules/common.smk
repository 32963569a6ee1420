# Common: the validated config, path patterns, and what several stages ask of them.
import os
import shlex
import shutil
import sys

sys.path.insert(0, workflow.basedir)

from dataclasses import asdict
from functools import cache
from glob import escape, glob
from types import SimpleNamespace

from pipeline.runtime import codegraph
from pipeline.runtime import orphans
from pipeline.study import config as study_config
from pipeline.catalogue.methods import METHODS
from pipeline.runtime.errors import UserError
from pipeline.catalogue.evaluations import TASKS
from pipeline.catalogue.tables import tables_of
from pipeline.study import searches as search_plan

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
    method="|".join(
        sorted({*STUDY.methods.cam, *STUDY.methods.calm, *STUDY.methods.own})
    ),
    task="|".join(TASKS),


# Jobs import `pipeline` from this checkout. Without --use-conda they run in the Python that runs
# Snakemake; with it, in their environment, which is activated before this prefix. The parent of the
# shell is Snakemake: no job outlives it (pipeline/runtime/orphans.py).
prefix = (
    f"export PYTHONPATH={shlex.quote(str(workflow.basedir))} {orphans.VARIABLE}=$PPID; "
)
if "conda" in {str(m) for m in workflow.deployment_settings.deployment_method}:
    if not shutil.which("conda"):
        raise WorkflowError(
            "--use-conda needs conda on the PATH, 24.7.1 or later, and there is none. Install it "
            "(https://conda-forge.org/download), or leave --use-conda out: the rules then run in "
            "the Python that Snakemake runs in."
        )
else:
    prefix += f'export PATH={shlex.quote(os.path.dirname(sys.executable))}:"$PATH"; '
shell.prefix(prefix)


@cache
def code_of(*modules):
    """Files that a stage is made of. Relative paths: a study that is moved stays up to date."""
    return [os.path.relpath(path) for path in codegraph.code_of(*modules)]


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


ANNOTATIONS = {
    "cub": (
        "images.txt",
        "image_class_labels.txt",
        "train_test_split.txt",
        "bounding_boxes.txt",
        "classes.txt",
        "parts/part_locs.txt",
        "attributes/class_attribute_labels_continuous.txt",
    ),
    "wsol": tuple(
        f"{split}/{name}.txt"
        for split in ("train", "val", "test")
        for name in ("image_ids", "class_labels", "image_sizes", "localization")
    ),
    "folder": ("boxes.csv",),
}


def raw_inputs(wildcards):
    """What says whether the raw data changed. A missing file is the stage's to explain."""
    dataset = dataset_of(wildcards)
    if dataset.draw:
        return f"{RESULTS}/raw/{wildcards.dataset}.json"
    folder = dataset.records.metadata or dataset.root
    files = [os.path.join(folder, name) for name in ANNOTATIONS[dataset.records.layout]]
    files += filter(None, (dataset.records.boxes, dataset.records.masks))
    return [file for file in files if os.path.isfile(file)]  # masks may be a folder


def first_seed(dataset):
    return (STUDY.datasets[dataset].seeds or STUDY.seeds)[0]


def training_shards(split):
    """An input function: the shards of a split, if the model is trained at all."""

    def manifest(wildcards):
        training = STUDY.training_of(wildcards.dataset, wildcards.variant)
        folder = f"{RESULTS}/shards/{wildcards.dataset}"
        return f"{folder}/{split}/manifest.json" if training.epochs else []

    return manifest


def training_code(wildcards):
    """Files that a training is made of: the loop, and the method's own module if it has one."""
    training = STUDY.training_of(wildcards.dataset, wildcards.variant)
    return code_of("pipeline.training", *training.code)


def init_weights(wildcards):
    """The file behind a model's `weights`: a model of this study, a path, or nothing."""
    dataset, architecture, variant = (
        wildcards.dataset,
        wildcards.architecture,
        wildcards.variant,
    )
    # a draw of a search has no seed of its own: it trains with the first
    seed = int(wildcards.get("seed", first_seed(dataset)))
    weights = STUDY.train_job(dataset, architecture, variant, seed).weights
    if weights.startswith("model:"):
        dataset, architecture, variant = weights.removeprefix("model:").split("/")
        seeds = STUDY.datasets[dataset].seeds or STUDY.seeds
        return WEIGHTS.format(
            dataset=dataset,
            architecture=architecture,
            variant=variant,
            seed=seed if seed in seeds else seeds[0],
        )
    if weights == "none" or weights.startswith("torchvision:"):
        return []
    return weights if os.path.exists(weights) else []


def val_records_of(wildcards):
    """The val images that choose a map threshold; none where they are not asked for."""
    records = dataset_of(wildcards).records
    has_val = records.layout != "cub" or records.val_fraction > 0
    if STUDY.evaluation.wsol.val_threshold and has_val:
        return f"{RESULTS}/datasets/{wildcards.dataset}/val.parquet"
    return []


def val_maps_of(wildcards):
    """Their maps; none where the test images' come from elsewhere."""
    if val_records_of(wildcards) and wildcards.method in METHODS:
        return f"{RESULTS}/maps/{MODEL}/val/{{method}}.h5".format(**wildcards)
    return []


NOISE = [name for name, entry in METHODS.items() if entry.module == "noise"]


def method_code(wildcards):
    """Files that the maps of a method are made of."""
    return code_of("pipeline.attribution", METHODS[wildcards.method].code)


def entries_of(*methods):
    """What the catalogue says of methods: it decides their files of maps as the options do."""
    return study_config.canonical_json([asdict(METHODS[name]) for name in methods])


def options_of(*methods):
    """The options that methods use, as canonical JSON."""
    used = {}
    for name in methods:
        used |= STUDY.method_options(name)
    return study_config.canonical_json(used)


def own_files(wildcards):
    """The files of a user's own maps. A missing one is the stage's to explain."""
    path = STUDY.methods.own[wildcards.method].path
    if os.path.isdir(path):
        return sorted(glob(os.path.join(escape(path), "**", "*.npy"), recursive=True))
    return path if os.path.exists(path) else []


def task_code(wildcards):
    """Files that an evaluation of single maps is made of, and its method where it explains."""
    explained = []
    if TASKS[wildcards.task].explains:
        explained = [METHODS[wildcards.method].code]
    return code_of(TASKS[wildcards.task].code, *explained)


def task_options(wildcards):
    """The options of the method where the evaluation computes further maps."""
    explains = TASKS[wildcards.task].explains
    return options_of(wildcards.method) if explains else "{}"


def task_section(wildcards):
    """The section of an evaluation of single maps, as canonical JSON."""
    return study_config.canonical_json(STUDY.task_section(wildcards.task))


def task_base(wildcards):
    """The score of the model without maps that an evaluation compares with, if any."""
    base = TASKS[wildcards.task].base
    return f"{SCORES}/{base}/{MODEL}/model.json".format(**wildcards) if base else []


SCORES = f"{RESULTS}/scores"
CUE_TARGETS = ("class", "prior")  # kinds of maps that cue localisation ranks
CUE_BASELINES = ("chance", "always_head")
WSOL_BASELINES = ("center_gaussian",)


def all_scores():
    """Every score of the study."""
    scores = []
    for names in model_names(STUDY.studied_models()):
        model = MODEL.format(**names)
        scores.append(f"{SCORES}/classification/{model}/model.json")
        for method in STUDY.methods_of(
            names["dataset"], names["architecture"], names["variant"]
        ):
            # maps from elsewhere are of classes
            targets = METHODS[method].targets if method in METHODS else "class"
            dataset = STUDY.datasets[names["dataset"]]
            if targets in CUE_TARGETS and dataset.cues:
                scores.append(f"{SCORES}/cues/{model}/{method}.json")
            if targets != "counterfactual" and dataset.wsol:
                scores.append(f"{SCORES}/wsol/{model}/{method}.json")
    for task, *names, method in STUDY.measurements():
        model = MODEL.format(**model_names([names])[0])
        scores.append(f"{SCORES}/{task}/{model}/{method}.json")
    for dataset in dict.fromkeys(model[0] for model in STUDY.studied_models()):
        if STUDY.datasets[dataset].cues:
            scores += [
                f"{SCORES}/cues/{dataset}/baselines/{b}.json" for b in CUE_BASELINES
            ]
        if STUDY.datasets[dataset].wsol:
            scores += [
                f"{SCORES}/wsol/{dataset}/baselines/{b}.json" for b in WSOL_BASELINES
            ]
    return scores
