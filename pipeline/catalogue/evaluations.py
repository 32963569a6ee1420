"""Which evaluations of single maps there are: one entry each, read by the config without PyTorch.

Each is ``pipeline/evaluation/<question>/<name>.py``, in the folder of the question that it answers,
with a function ``measure(subject, section)``, run by ``python -m pipeline.evaluation <name>``. Its
section of the config has its name too: a class in its module, the class of its name in
`pipeline.settings.evaluation`, or else `MapEvaluation`.
A study runs those whose section its config has. (Classification, cue localisation and WSOL have
command lines of their own.)
"""

from typing import Any, Literal

from pipeline.catalogue.evaluation_entries import Column, Evaluation

_ERASERS = {"blur": "blur", "zero": "zero", "mean": "mean", "noisy_linear": "ROAD"}
_MEAN_R = "accuracy relative to random erasing, averaged over the erased fractions"


def _areas(order: str, better: Literal["higher", "lower"]) -> list[Column]:
    """Mean R with the most or the least relevant pixels erased first, for each eraser."""
    return [
        Column(
            f"auc.{eraser}.{order}",
            f"{order} first, {name}: mean R",
            better,
            table="erasing",
            ranked=eraser == "blur",
            words=_MEAN_R if (eraser, order) == ("blur", "most") else "",
            short="Erasing",
            meaning="accuracy that is left when the pixels that a map ranks highest are blurred, "
            "relative to blurring as many random pixels: 100 % is as good as random, 0 % the best",
            random=1.0,
        )
        for eraser, name in _ERASERS.items()
    ]


# measure -> heading, direction, whether it is a rate
_GAZE: dict[str, tuple[str, Literal["higher", "lower"], bool]] = {
    "nss": ("NSS", "higher", False),
    "auc": ("AUC", "higher", True),
    "correlation": ("CC", "higher", False),
    "similarity": ("SIM", "higher", True),
    "kl": ("KL", "lower", False),
    "information_gain": ("IG, bits", "higher", False),
}


_MAIN_OF_GAZE: dict[str, Any] = {
    "words": "NSS of people's fixations within the object's box",
    "short": "Gaze: NSS",
    "meaning": "how many standard deviations a map lies above its mean where people looked, within "
    "the object's box",
}


def _gaze(region: str, words: str) -> list[Column]:
    """How well maps tell where people look within a region."""
    return [
        Column(
            f"{region}.{value}",
            f"{words}: {name}",
            better,
            percent,
            "gaze",
            **(_MAIN_OF_GAZE if (region, value) == ("box", "nss") else {}),
        )
        for value, (name, better, percent) in _GAZE.items()
    ]


def _axiom(value: str, heading: str) -> Column:
    return Column(value, heading, "lower", percent=False, table="axioms")


_OF_CLASSES = ("class",)

EVALUATIONS: dict[str, Evaluation] = {
    "erase": Evaluation(
        "erasing.erase",
        (
            *_areas("most", "lower"),
            *(
                Column(f"relative.blur.most.{k}", f"R{k}, blur", "lower", table="erasing")
                for k in (10, 50, 90)
            ),
            *_areas("least", "higher"),
            Column(
                "auc_kept.blur.most", "most first, blur, own predictions", "lower", table="erasing"
            ),
        ),
        base="erase_random",
    ),
    "insertion_deletion": Evaluation(
        "erasing.insertion_deletion",
        (
            Column(
                "insertion",
                "Insertion",
                ranked=True,
                words="insertion area",
                meaning="mean probability of the class while the pixels that a map ranks highest "
                "are put into an empty image",
            ),
            Column(
                "deletion",
                "Deletion",
                "lower",
                ranked=True,
                words="deletion area",
                meaning="mean probability of the class while the pixels that a map ranks highest "
                "are taken away",
            ),
        ),
    ),
    "pointing_game": Evaluation(
        "pointing.pointing_game",
        (
            Column(
                "hit_rate",
                "Pointing",
                ranked=True,
                words="hit rate in the pointing game",
                meaning="the share of images on which a map has its highest value on the object",
            ),
            Column("energy", "Energy on object", ranked=True),
        ),
        asks_model=False,
    ),
    "relevance": Evaluation(
        "pointing.relevance",
        (Column("mass", "Relevance mass"), Column("rank", "Relevance rank")),
        asks_model=False,
        section="Relevance",
    ),
    "grid_pointing": Evaluation(
        "pointing.grid_pointing",
        (
            Column(
                "localisation",
                "Grid pointing",
                ranked=True,
                words="localisation in grids of images",
                meaning="the share of a map's positive values that lies in the cell of its class, "
                "in a grid of images of several classes",
            ),
        ),
        _OF_CLASSES,
        explains=True,
    ),
    "infidelity": Evaluation(
        "robustness.infidelity",
        (
            Column("infidelity_share", "Infidelity, of change", "lower", ranked=True),
            Column("infidelity", "Infidelity", "neither", percent=False),
            Column("max_sensitivity", "Max-sensitivity", "lower", percent=False, ranked=True),
        ),
        _OF_CLASSES,
        explains=True,
    ),
    "sensitivity_n": Evaluation(
        "robustness.sensitivity_n",
        (Column("correlation", "Sensitivity-n", percent=False),),
        _OF_CLASSES,
        explains=True,
        section="SensitivityN",
    ),
    "contrastive_deletion": Evaluation(
        "erasing.contrastive_deletion",
        (Column("contrast", "Contrastive deletion, nats", percent=False),),
        ("class", "counterfactual"),
        explains=True,
        reads=("pairs",),
        section="ContrastiveDeletion",
    ),
    "complexity": Evaluation(
        "complexity.complexity",
        (
            Column("sparseness", "Sparseness (Gini)", percent=False),
            Column("complexity", "Complexity, nats", "lower", percent=False),
        ),
        asks_model=False,
    ),
    "sanity": Evaluation(
        "sanity.sanity",
        (
            Column("spearman", "Sanity: rank corr.", "lower", percent=False),
            Column("ssim", "Sanity: SSIM", "lower", percent=False),
        ),
        _OF_CLASSES,
        explains=True,
    ),
    "random_logit": Evaluation(
        "sanity.random_logit",
        (
            Column("spearman", "Random class: rank corr.", "lower", percent=False),
            Column("ssim", "Random class: SSIM", "lower", percent=False),
        ),
        _OF_CLASSES,
        explains=True,
        section="RandomLogit",
    ),
    "gaze": Evaluation(
        "gaze.gaze",
        (*_gaze("box", "In the box"), *_gaze("image", "Image")),
        asks_model=False,
        reads=("fixations",),
        section="Gaze",
    ),
    "axioms": Evaluation(
        "axioms.axioms",
        (
            _axiom("completeness_gap", "Completeness gap"),
            _axiom("completeness_gap_scaled", "Gap after one factor"),
            _axiom("invariance.raw", "Shift of logits: map"),
            _axiom("invariance.minmax", "Shift of logits: min-max map"),
            _axiom("sensitivity.locations.missed", "Locations missed"),
            _axiom("sensitivity.locations.spurious", "Locations spurious"),
            _axiom("sensitivity.blocks.missed", "Blocks missed"),
            _axiom("sensitivity.blocks.spurious", "Blocks spurious"),
        ),
        _OF_CLASSES,
        explains=True,
    ),
}


def _of_probabilities(value: str, heading: str, **more: Any) -> Column:
    return Column(value, heading, **{"better": "lower", "table": "calibration", **more})


# of what the classification keeps of each image, with a command line of its own
OF_PREDICTIONS: dict[str, Evaluation] = {
    "calibration": Evaluation(
        "accuracy.calibration",
        (
            _of_probabilities("ece", "ECE"),
            _of_probabilities("ece_calibrated", "ECE if calibrated", better="neither"),
            _of_probabilities("ece_mass", "ECE, equal-mass bins"),
            _of_probabilities("mce", "Largest gap (MCE)"),
            _of_probabilities("brier", "Brier score", percent=False, compared=True),
            _of_probabilities("nll", "Negative log-likelihood", percent=False),
            _of_probabilities("confidence", "Mean confidence", better="neither"),
            _of_probabilities("top1", "Top-1 accuracy", better="higher"),
        ),
        targets=(),
    ),
}

# evaluations of a model without maps -> the evaluation that compares with them
BASES = {entry.base: name for name, entry in EVALUATIONS.items() if entry.base}


def code_of_evaluation(name: str) -> str:
    """The dotted name of the module of an evaluation or of a base."""
    if name in EVALUATIONS:
        return EVALUATIONS[name].code
    package = EVALUATIONS[BASES[name]].code.rpartition(".")[0]
    return f"{package}.{name}"
