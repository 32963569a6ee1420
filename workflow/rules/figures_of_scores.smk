# Stage 8, plots of the first seed: numbers -> figures.
#   histories            -> figures/{dataset}/{architecture}/training
#   ledgers of a search  -> .../search
#   scores, tables       -> .../{erase_curves,sanity_curves,cue_scores}
# Each is a .png and an .svg; figure_inputs.smk says which ones a study has.
rule figure_training:
    input:
        histories=histories,
        code=figure_code("training"),
    output:
        report(
            f"{FIGURES}/training.png",
            caption="../report/training.rst",
            category="Training",
            labels={"data": "{dataset}", "model": "{architecture}"},
        ),
        f"{FIGURES}/training.svg",
    log:
        f"{RESULTS}/logs/figures/{{dataset}}/{{architecture}}/training.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    params:
        section=study_config.params(STUDY.report),
        variants=lambda wildcards: trained_variants(wildcards.dataset),
        title=figure_title,
    shell:
        "python -m pipeline.figures training --section {params.section:q}"
        " --variants {params.variants:q} --histories {input.histories:q}"
        " --title {params.title:q} --out {output:q} > {log:q} 2>&1"


rule figure_search:
    input:
        ledgers=search_files("ledger.csv"),
        expected=search_files("expected_best.csv"),
        code=figure_code("search"),
    output:
        report(
            f"{FIGURES}/search.png",
            caption="../report/search.rst",
            category="Search",
            labels={"data": "{dataset}", "model": "{architecture}"},
        ),
        f"{FIGURES}/search.svg",
    log:
        f"{RESULTS}/logs/figures/{{dataset}}/{{architecture}}/search.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    params:
        section=study_config.params(STUDY.report),
        variants=searched_variants,
        title=figure_title,
    shell:
        "python -m pipeline.figures search --section {params.section:q}"
        " --variants {params.variants:q} --ledgers {input.ledgers:q}"
        " --expected {input.expected:q} --title {params.title:q} --out {output:q} > {log:q} 2>&1"


rule figure_cue_scores:
    input:
        tables=f"{RESULTS}/tables/tables.json",
        code=figure_code("cue_scores"),
    output:
        report(
            f"{FIGURES}/cue_scores.png",
            caption="../report/cue_scores.rst",
            category="Scores",
            labels={"data": "{dataset}", "model": "{architecture}"},
        ),
        f"{FIGURES}/cue_scores.svg",
    log:
        f"{RESULTS}/logs/figures/{{dataset}}/{{architecture}}/cue_scores.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    params:
        section=study_config.params(STUDY.report),
    shell:
        "python -m pipeline.figures cue_scores --section {params.section:q}"
        " --tables {input.tables:q} --dataset {wildcards.dataset}"
        " --architecture {wildcards.architecture} --out {output:q} > {log:q} 2>&1"


rule figure_erase_curves:
    input:
        scores=task_scores("erase"),
        code=figure_code("erase_curves"),
    output:
        report(
            f"{FIGURES}/erase_curves.png",
            caption="../report/erase_curves.rst",
            category="Scores",
            labels={
                "figure": "remove-and-classify",
                "data": "{dataset}",
                "model": "{architecture}",
            },
        ),
        f"{FIGURES}/erase_curves.svg",
    log:
        f"{RESULTS}/logs/figures/{{dataset}}/{{architecture}}/erase_curves.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    params:
        section=study_config.params(STUDY.report),
        title=figure_title,
    shell:
        "python -m pipeline.figures erase_curves --section {params.section:q}"
        " --scores {input.scores:q} --title {params.title:q} --out {output:q} > {log:q} 2>&1"


rule figure_sanity_curves:
    input:
        scores=task_scores("sanity"),
        code=figure_code("sanity_curves"),
    output:
        report(
            f"{FIGURES}/sanity_curves.png",
            caption="../report/sanity_curves.rst",
            category="Scores",
            labels={
                "figure": "sanity check",
                "data": "{dataset}",
                "model": "{architecture}",
            },
        ),
        f"{FIGURES}/sanity_curves.svg",
    log:
        f"{RESULTS}/logs/figures/{{dataset}}/{{architecture}}/sanity_curves.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    params:
        section=study_config.params(STUDY.report),
        title=figure_title,
    shell:
        "python -m pipeline.figures sanity_curves --section {params.section:q}"
        " --scores {input.scores:q} --title {params.title:q} --out {output:q} > {log:q} 2>&1"
