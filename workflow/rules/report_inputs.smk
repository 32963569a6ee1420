# What the tables and the report are made of.
TABLES = tables_of(
    {os.path.relpath(path, SCORES).split(os.sep)[0] for path in all_scores()}
)
PUBLISHED = os.path.relpath(f"{workflow.basedir}/pipeline/tables/paper")
PAGE = os.path.relpath(f"{workflow.basedir}/pipeline/report/assets")
CAPTIONS = os.path.relpath(f"{workflow.basedir}/workflow/report")


def is_studied(dataset):
    """Whether its models are measured; others only pretrain a trunk."""
    return any(model[0] == dataset for model in STUDY.studied_models())


def trained_variants(dataset):
    """The variants of a data set that are trained; the weights of others are given."""
    return [
        variant
        for variant in STUDY.datasets[dataset].variants
        if STUDY.training_of(dataset, variant).epochs
    ]


def is_trained(dataset):
    return bool(trained_variants(dataset))


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
            "level": STUDY.evaluation.classification.bootstrap.level,
            "models": models,
        }
    )


def explored_names(wildcards):
    """VARIANT/METHOD of every map of the first seed; counterfactuals need class pairs."""
    return [
        f"{variant}/{method}"
        for variant, methods in methods_of(wildcards).items()
        for method in methods
        if method != "counterfactual" or dataset_of(wildcards).cues
    ]


def explorers():
    """Data of the explorer, for every data set and architecture whose maps are measured."""
    return [
        f"{RESULTS}/explorer/{name}/{architecture}.json"
        for name, dataset in STUDY.datasets.items()
        if is_studied(name)
        for architecture in dataset.architectures
    ]
