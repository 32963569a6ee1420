# Which models are searched, and what a search and its results are made of.
SEARCH = f"{RESULTS}/search/{{dataset}}/{{architecture}}/{{variant}}"
SEARCHED = [
    dict(zip(("dataset", "architecture", "variant"), model))
    for model in search_plan.searched_models(STUDY)
]


def found_keys(wildcards):
    """The training keys that a model's search found, if it is searched."""
    names = wildcards.dataset, wildcards.architecture, wildcards.variant
    if search_plan.is_searched(STUDY, *names):
        return f"{SEARCH}/best.json".format(**wildcards)
    return []


def draw_section(wildcards):
    """All that decides a draw, as canonical JSON."""
    names = wildcards.dataset, wildcards.architecture, wildcards.variant
    job = search_plan.draw_job(STUDY, *names, int(wildcards.draw))
    return study_config.params(job)


def draw_code(wildcards):
    """Files that a draw is made of: training, scoring, and the method's own module."""
    training = STUDY.training_of(wildcards.dataset, wildcards.variant)
    return code_of("pipeline.search.draw", *training.code)
