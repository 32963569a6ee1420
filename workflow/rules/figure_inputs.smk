# What the figures are made of: which maps, scores and histories a study has for each.
FIGURES = f"{RESULTS}/figures/{{dataset}}/{{architecture}}"
FIGURE_NAMES = (
    "cue_scores",
    "counterfactual",
    "erase_curves",
    "sanity_curves",
    "gallery",
    "kinds",
    "superset_depth",
    "search",
    "training",
)
GALLERY_METHODS = ("cam", "cam_superset", "joint", "subset")
# How a variant tells two classes apart: the first of these that it has.
DIFFERENCE_METHODS = ("counterfactual", "joint", "cam")
# Beside the maps of the variants, as far as there is room (the paper's section 5.1).
GRADIENT_METHODS = ("gradient", "integrated_gradients", "smoothgrad", "vargrad")
GALLERY_COLUMNS, DIFFERENCE_COLUMNS = 9, 6  # maps beside an image, readable on a page
KINDS = ("joint", "conditional", "saliency", "subset", "counterfactual", "posterior")


def methods_of(wildcards):
    """Variant -> its methods, for the variants that have any."""
    dataset, architecture = wildcards.dataset, wildcards.architecture
    found = {
        variant: STUDY.methods_of(dataset, architecture, variant)
        for variant in STUDY.datasets[dataset].variants
    }
    return {variant: methods for variant, methods in found.items() if methods}


def is_calm(wildcards, variant):
    return STUDY.training_of(wildcards.dataset, variant).method.startswith("calm")


def with_gradients(wildcards, names, most):
    """``names`` and gradient maps of the first variant that is no CALM, ``most`` maps in all."""
    methods = methods_of(wildcards)
    variant = next((name for name in methods if not is_calm(wildcards, name)), None)
    own = [name for name in names if name.split("/")[0] == variant]
    others = [name for name in names if name not in own]
    gradients = [
        f"{variant}/{method}"
        for method in GRADIENT_METHODS
        if variant and method in methods[variant]
    ]
    return [*own, *gradients[: max(most - len(names), 0)], *others]


def gallery_names(wildcards):
    """VARIANT/METHOD of the maps that compare the variants, and of the user's own."""
    names = [
        f"{variant}/{method}"
        for variant, methods in methods_of(wildcards).items()
        for method in (*GALLERY_METHODS, *STUDY.methods.own)
        if method in methods
    ]
    return with_gradients(wildcards, names, GALLERY_COLUMNS)


def every_name(wildcards):
    """VARIANT/METHOD of all maps of one variant that explain one class, a set or the prior."""
    return [
        f"{wildcards.variant}/{method}"
        for method in methods_of(wildcards)[wildcards.variant]
        if method in STUDY.methods.own or METHODS[method].targets != "counterfactual"
    ]


def difference_names(wildcards):
    names = []
    for variant, methods in methods_of(wildcards).items():
        found = [method for method in DIFFERENCE_METHODS if method in methods]
        names += [f"{variant}/{method}" for method in found[:1]]
    return with_gradients(wildcards, names, DIFFERENCE_COLUMNS)


def kinds_names(wildcards):
    """VARIANT/METHOD of the kinds of maps of the first CALM; counterfactuals need class pairs."""
    for variant, methods in methods_of(wildcards).items():
        if is_calm(wildcards, variant):
            return [
                f"{variant}/{method}"
                for method in KINDS
                if method in methods
                and (method != "counterfactual" or dataset_of(wildcards).cues)
            ]
    return []


def depth_variant(wildcards):
    """The model whose maps are summed over ever larger sets: a CALM where there is one."""
    if dataset_of(wildcards).supersets.kind != "wordnet":
        return None
    for sums in ("subset", "cam_superset"):
        for variant, methods in methods_of(wildcards).items():
            if sums in methods:
                return variant
    return None


def depth_weights(wildcards):
    variant, seed = depth_variant(wildcards), first_seed(wildcards.dataset)
    return WEIGHTS.format(**wildcards, variant=variant, seed=seed)


def map_files(names_of):
    """An input function: the files of the maps that another function names."""

    def files(wildcards):
        folder = f"{RESULTS}/maps/{wildcards.dataset}/{wildcards.architecture}"
        names = (name.split("/") for name in names_of(wildcards))
        seed = first_seed(wildcards.dataset)
        return [
            f"{folder}/{variant}/seed{seed}/{method}.h5" for variant, method in names
        ]

    return files


def task_scores(task):
    """An input function: the scores of an evaluation of single maps, of the first seed."""

    def files(wildcards):
        model = wildcards.dataset, wildcards.architecture
        seed = first_seed(wildcards.dataset)
        return [
            f"{SCORES}/{task}/{'/'.join(model)}/{variant}/seed{seed}/{method}.json"
            for name, *found, variant, number, method in STUDY.measurements()
            if (name, *found, number) == (task, *model, seed)
        ]

    return files


def histories(wildcards):
    names = {**wildcards, "seed": first_seed(wildcards.dataset)}
    return [
        f"{RESULTS}/models/{MODEL}/history.csv".format(**names, variant=variant)
        for variant in trained_variants(wildcards.dataset)
    ]


def searched_variants(wildcards):
    """The variants of a data set and architecture whose training keys are searched."""
    model = wildcards.dataset, wildcards.architecture
    return [
        names["variant"]
        for names in SEARCHED
        if (names["dataset"], names["architecture"]) == model
    ]


def search_files(name):
    """An input function: a file of the search of every searched variant."""

    def files(wildcards):
        return [
            f"{SEARCH}/{name}".format(**wildcards, variant=variant)
            for variant in searched_variants(wildcards)
        ]

    return files


def part_maps_of(wildcards):
    """Part maps of a data set; none where cue localisation is not measured."""
    if dataset_of(wildcards).cues:
        return f"{RESULTS}/cues/{wildcards.dataset}/part_maps.h5"
    return []


def figure_title(wildcards):
    dataset, architecture = wildcards.dataset, wildcards.architecture
    return f"{dataset}, {architecture}, seed {first_seed(dataset)}"


def figure_code(name, *more):
    """Files that a figure is made of: the command line imports all figures, but draws one."""
    main = os.path.relpath(f"{workflow.basedir}/pipeline/figures/__main__.py")
    modules = (f"pipeline.figures.{name}", "pipeline.figures.style", *more)
    return [main, *code_of(*modules)]


def studied_figures(wildcards):
    """Figures of the models of a data set and architecture whose maps are measured."""
    compared = gallery_names(wildcards)
    if dataset_of(wildcards).cues:
        yield "cue_scores.svg"
        if difference_names(wildcards):
            yield "counterfactual.png"
    for task in ("erase", "sanity"):
        if task_scores(task)(wildcards):
            yield f"{task}_curves.svg"
    if compared:
        yield "gallery.png"
    if kinds_names(wildcards):
        yield "kinds.png"
    if depth_variant(wildcards):
        yield "superset_depth.png"
    if searched_variants(wildcards):
        yield "search.svg"
    for variant in methods_of(wildcards):
        names = every_name(SimpleNamespace(**vars(wildcards), variant=variant))
        if not {*names} <= {*compared}:
            yield f"gallery.{variant}.png"


def report_figures():
    """Figures of the report in its order: plots as SVG, pictures as PNG."""
    files = []
    for name, dataset in STUDY.datasets.items():
        for architecture in dataset.architectures:
            names = SimpleNamespace(dataset=name, architecture=architecture)
            kinds = [*studied_figures(names)] if is_studied(name) else []
            kinds += ["training.svg"] if is_trained(name) else []
            folder = FIGURES.format(**vars(names))
            files += [f"{folder}/{kind}" for kind in kinds]
    return files
