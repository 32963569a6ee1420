# Stage 8, report: scores -> tables; tables and figures (figures_of_*.smk) -> report.html.
#   scores                       -> tables/{table}.{csv,md,tex} for each of pipeline/catalogue/tables.py
#                                   that there are scores for, tables/tables.json (the same, and what each row is made of)
#   test images and all maps     -> explorer/{dataset}/{architecture}.json, of a few images
#   tables, figures, explorer    -> report.html
rule tables:
    input:
        scores=all_scores(),
        checks=expand(f"{RESULTS}/cues/{{dataset}}/check.json", dataset=cue_datasets()),
        published=[f"{PUBLISHED}/table{number}.csv" for number in (1, 2, 3, 5)],
        code=code_of("pipeline.tables"),
    output:
        everything=f"{RESULTS}/tables/tables.json",
        csv=[
            report(
                f"{RESULTS}/tables/{table}.csv",
                caption=f"../report/{table}.rst",
                category="Tables",
                labels={"table": table},
            )
            for table in TABLES
        ],
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


rule explorer:
    input:
        shards=f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        classes=f"{RESULTS}/datasets/{{dataset}}/classes.csv",
        part_maps=part_maps_of,
        pairs=pairs_of,
        maps=map_files(explored_names),
        code=code_of("pipeline.report.explorer"),
    output:
        f"{RESULTS}/explorer/{{dataset}}/{{architecture}}.json",
    log:
        f"{RESULTS}/logs/explorer/{{dataset}}/{{architecture}}.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        images=STUDY.report.explorer_images,
        seed=STUDY.report.seed,
        model_seed=lambda wildcards: first_seed(wildcards.dataset),
        names=explored_names,
        resize=lambda wildcards: dataset_of(wildcards).images.resize,
    shell:
        "python -m pipeline.report.explorer --dataset {wildcards.dataset}"
        " --architecture {wildcards.architecture} --model-seed {params.model_seed}"
        " --images {params.images} --seed {params.seed} --shards {input.shards:q}"
        " --resize {params.resize} --records {input.records:q} --classes {input.classes:q}"
        " --part-maps {input.part_maps:q} --pairs {input.pairs:q} --names {params.names:q}"
        " --maps {input.maps:q} --out {output:q} > {log:q} 2>&1"


rule report:
    input:
        tables=f"{RESULTS}/tables/tables.json",
        # named as well: a table of a new evaluation is missing, tables.json is not
        table_files=expand(f"{RESULTS}/tables/{{table}}.csv", table=TABLES),
        figures=report_figures(),
        explorers=explorers(),
        captions=expand(
            f"{CAPTIONS}/{{name}}.rst",
            name=(*TABLES, *FIGURE_NAMES),
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
                dataset=filter(is_trained, STUDY.datasets),
                split=("train", "val"),
            ),
            *expand(
                f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
                dataset=filter(is_studied, STUDY.datasets),
            ),
        ],
        page=expand(
            f"{PAGE}/{{name}}",
            name=(
                "report.html.j2",
                "report.css",
                "report.js",
                "explorer_maps.js",
                "explorer_drawings.js",
                "explorer.js",
            ),
        ),
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
        benchmarks=f"{RESULTS}/benchmarks",
    shell:
        "python -m pipeline.report --study {params.study:q} --tables {input.tables:q}"
        " --figures {input.figures:q} --explorers {input.explorers:q}"
        " --captions {input.captions:q} --metrics {input.metrics:q} --checks {input.checks:q}"
        " --manifests {input.manifests:q} --benchmarks {params.benchmarks:q} --out {output:q}"
        " > {log:q} 2>&1"
