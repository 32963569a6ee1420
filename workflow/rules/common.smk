# Common: the validated config, path patterns, and what several stages ask of them.
import os
import shlex
import sys

sys.path.insert(0, workflow.basedir)

from pipeline import codegraph
from pipeline import config as study_config
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


ANNOTATIONS = (
    "images.txt",
    "image_class_labels.txt",
    "train_test_split.txt",
    "bounding_boxes.txt",
    "classes.txt",
    "parts/part_locs.txt",
    "attributes/class_attribute_labels_continuous.txt",
)


def raw_inputs(wildcards):
    """What says whether the raw data changed. A missing file is the stage's to explain."""
    dataset = dataset_of(wildcards)
    if dataset.draw:
        return f"{RESULTS}/raw/{wildcards.dataset}.json"
    files = (os.path.join(dataset.root, name) for name in ANNOTATIONS)
    return [file for file in files if os.path.exists(file)]


def init_weights(wildcards):
    """The file behind the trunk's `weights`: a model of this study, a path, or nothing."""
    weights = STUDY.architectures[wildcards.architecture].weights
    if weights.startswith("model:"):
        dataset, architecture, variant = weights.removeprefix("model:").split("/")
        seeds = STUDY.datasets[dataset].seeds or STUDY.seeds
        seed = int(wildcards.seed)
        return WEIGHTS.format(
            dataset=dataset,
            architecture=architecture,
            variant=variant,
            seed=seed if seed in seeds else seeds[0],
        )
    if weights == "none" or weights.startswith("torchvision:"):
        return []
    return weights if os.path.exists(weights) else []


SCORES = f"{RESULTS}/scores"
CUE_METHODS = ("cam", "joint", "conditional", "posterior")  # maps of a class
CUE_BASELINES = ("chance", "always_head")
WSOL_BASELINES = ("center_gaussian",)


def all_scores():
    """Every score of the study."""
    scores = []
    for names in model_names(STUDY.studied_models()):
        model = MODEL.format(**names)
        scores.append(f"{SCORES}/classification/{model}/model.json")
        for method in STUDY.methods_of(names["dataset"], names["variant"]):
            if method in CUE_METHODS and STUDY.datasets[names["dataset"]].cues:
                scores.append(f"{SCORES}/cues/{model}/{method}.json")
            if method != "counterfactual":
                scores.append(f"{SCORES}/wsol/{model}/{method}.json")
    for dataset in dict.fromkeys(model[0] for model in STUDY.studied_models()):
        if STUDY.datasets[dataset].cues:
            scores += [
                f"{SCORES}/cues/{dataset}/baselines/{b}.json" for b in CUE_BASELINES
            ]
        scores += [
            f"{SCORES}/wsol/{dataset}/baselines/{b}.json" for b in WSOL_BASELINES
        ]
    return scores
