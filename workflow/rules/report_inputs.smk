# What the report is made of: which maps, histories and figures a study has.
TABLES = ("table1_cues", "table2_accuracy", "table3_wsol")
FIGURES = f"{RESULTS}/figures/{{dataset}}/{{architecture}}"
DATA = os.path.relpath(f"{workflow.basedir}/pipeline/data")
CAPTIONS = os.path.relpath(f"{workflow.basedir}/workflow/report")
GALLERY_METHODS = ("cam", "joint", "conditional", "saliency", "subset")
# How a variant tells two classes apart: the first of these that it has.
DIFFERENCE_METHODS = ("counterfactual", "joint", "cam")


def first_seed(dataset):
    return (STUDY.datasets[dataset].seeds or STUDY.seeds)[0]


def is_studied(dataset):
    """Whether its models are measured; others only pretrain a trunk."""
    return any(model[0] == dataset for model in STUDY.studied_models())


def cue_datasets():
    return [
        name
        for name in STUDY.datasets
        if STUDY.datasets[name].cues and is_studied(name)
    ]


def tables_section():
    """What the tables need to know of the config."""
    models = {}
    for dataset, architecture, variant, seed in STUDY.studied_models():
        job = STUDY.train_job(dataset, architecture, variant, seed)
        note = {"trunk": job.trunk, "method": job.training.method}
        models[f"{dataset}/{architecture}/{variant}"] = note
    return study_config.canonical_json(
        {
            "protocol": STUDY.protocol,
            "normalisations": STUDY.evaluation.cues.normalisations,
            "models": models,
        }
    )


def maps_of(dataset, methods, first_only):
    """VARIANT/METHOD of the maps of a data set's variants, in the order of ``methods``."""
    names = []
    for variant in STUDY.datasets[dataset].variants:
        available = STUDY.methods_of(dataset, variant)
        found = [f"{variant}/{method}" for method in methods if method in available]
        names += found[:1] if first_only else found
    return names


def gallery_names(wildcards):
    return maps_of(wildcards.dataset, GALLERY_METHODS, False)


def difference_names(wildcards):
    return maps_of(wildcards.dataset, DIFFERENCE_METHODS, True)


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


def histories(wildcards):
    names = {**wildcards, "seed": first_seed(wildcards.dataset)}
    return [
        f"{RESULTS}/models/{MODEL}/history.csv".format(**names, variant=variant)
        for variant in STUDY.datasets[wildcards.dataset].variants
    ]


def part_maps_of(wildcards):
    """Part maps of a data set; none where cue localisation is not measured."""
    if dataset_of(wildcards).cues:
        return f"{RESULTS}/cues/{wildcards.dataset}/part_maps.h5"
    return []


def figure_title(wildcards):
    dataset, architecture = wildcards.dataset, wildcards.architecture
    return f"{dataset}, {architecture}, seed {first_seed(dataset)}"


def report_figures():
    """Figures of the report in its order: plots as SVG, pictures as PNG."""
    files = []
    for name, dataset in STUDY.datasets.items():
        kinds = ["training.svg"]
        if is_studied(name):
            kinds = ["gallery.png", *kinds]
            if dataset.cues:
                kinds = ["cue_scores.svg", "counterfactual.png", *kinds]
        for architecture in dataset.architectures:
            folder = FIGURES.format(dataset=name, architecture=architecture)
            files += [f"{folder}/{kind}" for kind in kinds]
    return files


def figure_code(name):
    """Files that a figure is made of: the command line imports all figures, but draws one."""
    main = os.path.relpath(f"{workflow.basedir}/pipeline/figures/__main__.py")
    return [main, *code_of(f"pipeline.figures.{name}", "pipeline.figures.style")]
