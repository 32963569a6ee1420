# Stage 8, report: scores -> tables; histories, images and maps -> figures; both -> report.html.
#   scores                       -> tables/{table1_cues,table2_accuracy,table3_wsol}.{csv,md,tex},
#                                   tables/tables.json (the same, and what each row is made of)
#   histories, maps, part maps   -> figures/{dataset}/{architecture}/{figure}.{png,svg}, first seed
#   tables, figures              -> report.html
rule tables:
    input:
        scores=all_scores(),
        checks=expand(f"{RESULTS}/cues/{{dataset}}/check.json", dataset=cue_datasets()),
        published=[f"{DATA}/published_table{number}.csv" for number in (1, 2, 3, 5)],
        code=code_of("pipeline.tables"),
    output:
        everything=f"{RESULTS}/tables/tables.json",
        cues=report(
            f"{RESULTS}/tables/table1_cues.csv",
            caption="../report/table1_cues.rst",
            category="Tables",
            labels={"table": "1: cue localisation"},
        ),
        accuracy=report(
            f"{RESULTS}/tables/table2_accuracy.csv",
            caption="../report/table2_accuracy.rst",
            category="Tables",
            labels={"table": "2: accuracy"},
        ),
        wsol=report(
            f"{RESULTS}/tables/table3_wsol.csv",
            caption="../report/table3_wsol.rst",
            category="Tables",
            labels={"table": "3: localisation"},
        ),
        texts=expand(
            f"{RESULTS}/tables/{{table}}.{{format}}",
            table=TABLES,
            format=("md", "tex"),
        ),
    log:
        f"{RESULTS}/logs/tables.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    params:
        section=tables_section(),
        datasets=cue_datasets(),
        out=lambda wildcards, output: os.path.dirname(output.everything),
    shell:
        "python -m pipeline.tables --section {params.section:q} --scores {input.scores:q}"
        " --cue-datasets {params.datasets:q} --cue-checks {input.checks:q}"
        " --out {params.out:q} > {log:q} 2>&1"


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
        variants=lambda wildcards: list(dataset_of(wildcards).variants),
        title=figure_title,
    shell:
        "python -m pipeline.figures training --section {params.section:q}"
        " --variants {params.variants:q} --histories {input.histories:q}"
        " --title {params.title:q} --out {output:q} > {log:q} 2>&1"


rule figure_gallery:
    input:
        shards=f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        part_maps=part_maps_of,
        maps=map_files(gallery_names),
        code=figure_code("gallery"),
    output:
        report(
            f"{FIGURES}/gallery.png",
            caption="../report/gallery.rst",
            category="Maps",
            labels={
                "figure": "gallery",
                "data": "{dataset}",
                "model": "{architecture}",
            },
        ),
        f"{FIGURES}/gallery.svg",
    log:
        f"{RESULTS}/logs/figures/{{dataset}}/{{architecture}}/gallery.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        section=study_config.params(STUDY.report),
        names=gallery_names,
        resize=lambda wildcards: dataset_of(wildcards).images.resize,
        title=figure_title,
    shell:
        "python -m pipeline.figures gallery --section {params.section:q} --shards {input.shards:q}"
        " --resize {params.resize} --records {input.records:q}"
        " --part-maps {input.part_maps:q} --names {params.names:q}"
        " --maps {input.maps:q} --title {params.title:q} --out {output:q} > {log:q} 2>&1"


rule figure_counterfactual:
    input:
        shards=f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        pairs=f"{RESULTS}/cues/{{dataset}}/pairs.csv",
        part_maps=f"{RESULTS}/cues/{{dataset}}/part_maps.h5",
        maps=map_files(difference_names),
        code=figure_code("counterfactual"),
    output:
        report(
            f"{FIGURES}/counterfactual.png",
            caption="../report/counterfactual.rst",
            category="Maps",
            labels={
                "figure": "counterfactual",
                "data": "{dataset}",
                "model": "{architecture}",
            },
        ),
        f"{FIGURES}/counterfactual.svg",
    log:
        f"{RESULTS}/logs/figures/{{dataset}}/{{architecture}}/counterfactual.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        section=study_config.params(STUDY.report),
        names=difference_names,
        title=figure_title,
    shell:
        "python -m pipeline.figures counterfactual --section {params.section:q}"
        " --shards {input.shards:q} --records {input.records:q} --pairs {input.pairs:q}"
        " --part-maps {input.part_maps:q} --names {params.names:q} --maps {input.maps:q}"
        " --title {params.title:q} --out {output:q} > {log:q} 2>&1"


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


rule report:
    input:
        tables=f"{RESULTS}/tables/tables.json",
        figures=report_figures(),
        captions=expand(
            f"{CAPTIONS}/{{name}}.rst",
            name=(*TABLES, "cue_scores", "counterfactual", "gallery", "training"),
        ),
        metrics=[
            f"{RESULTS}/models/{MODEL}/metrics.json".format(**names)
            for names in model_names(STUDY.models())
        ],
        checks=[
            *expand(
                f"{RESULTS}/datasets/{{dataset}}/check.json", dataset=STUDY.datasets
            ),
            *expand(f"{RESULTS}/cues/{{dataset}}/check.json", dataset=cue_datasets()),
        ],
        manifests=[
            *(
                f"{RESULTS}/raw/{name}.json"
                for name, d in STUDY.datasets.items()
                if d.draw
            ),
            *expand(
                f"{RESULTS}/shards/{{dataset}}/{{split}}/manifest.json",
                dataset=STUDY.datasets,
                split=("train", "val"),
            ),
            *expand(
                f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
                dataset=filter(is_studied, STUDY.datasets),
            ),
        ],
        template=f"{DATA}/report.html.j2",
        code=code_of("pipeline.report"),
    output:
        report(
            f"{RESULTS}/report.html",
            caption="../report/report.rst",
            category="Report",
            labels={"page": "report"},
        ),
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    params:
        study=study_config.params(STUDY),
    shell:
        "python -m pipeline.report --study {params.study:q} --tables {input.tables:q}"
        " --figures {input.figures:q} --captions {input.captions:q} --metrics {input.metrics:q}"
        " --checks {input.checks:q} --manifests {input.manifests:q} --out {output:q}"
        " > {log:q} 2>&1"
