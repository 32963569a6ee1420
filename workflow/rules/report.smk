# Stage 8, report: scores -> tables; tables and figures (figures.smk) -> report.html.
#   scores                       -> tables/{table}.{csv,md,tex} for each of pipeline/catalogue/tables.py
#                                   that there are scores for, tables/tables.json (the same, and what each row is made of)
#   test images, all maps and    -> explorer/{dataset}/{architecture}.json, of as many images as
#   scores of single images         the page may hold
#   tables, figures, explorer    -> report.html
PUBLISHED, ASSETS = (
    os.path.relpath(f"{CODE}/pipeline/{folder}")
    for folder in ("tables/paper", "report/assets")
)


rule tables:
    input:
        scores=SCORES.all(),
        images=SCORES.all_images(),
        checks=REPORT.cue_checks(),
        supersets=REPORT.superset_files(),
        published=expand(f"{PUBLISHED}/table{{number}}.csv", number=(1, 2, 3, 5)),
        code=code_of("pipeline.tables"),
    output:
        everything=PATHS.tables,
        csv=[
            report(
                f"{fill(PATHS.table, table=table)}.csv",
                caption=f"../report/{table}.rst",
                category="Tables",
                labels={"table": table},
            )
            for table in REPORT.tables()
        ],
        texts=expand(
            f"{PATHS.table}.{{format}}", table=REPORT.tables(), format=("md", "tex")
        ),
    log:
        f"{LOGS}/tables.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    params:
        section=REPORT.tables_section(),
        columns=REPORT.columns(),
        datasets=REPORT.cue_datasets(),
        superset_datasets=REPORT.superset_datasets(),
        out=lambda wildcards, output: os.path.dirname(output.everything),
    shell:
        "python -m pipeline.tables --section {params.section:q} --scores {input.scores:q}"
        " --cue-datasets {params.datasets:q} --cue-checks {input.checks:q}"
        " --superset-datasets {params.superset_datasets:q} --supersets {input.supersets:q}"
        " --out {params.out:q} > {log:q} 2>&1"


rule explorer:
    input:
        shards=expand(PATHS.shards, split="test", allow_missing=True),
        records=expand(PATHS.records, split="test", allow_missing=True),
        classes=PATHS.classes,
        part_maps=DATA.part_maps,
        pairs=DATA.pairs,
        maps=REPORT.explored_maps,
        scores=REPORT.explored_scores,
        of_images=REPORT.explored_images,
        code=code_of("pipeline.report.explorer"),
    output:
        PATHS.explorer,
    log:
        f"{LOGS}/explorer/{{dataset}}/{{architecture}}.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        megabytes=REPORT.explorer_megabytes(),
        seed=STUDY.report.seed,
        model_seed=lambda wildcards: MODELS.first_seed(wildcards.dataset),
        names=FIGURES.explored,
        resize=lambda wildcards: DATA.of(wildcards).images.resize,
    shell:
        "python -m pipeline.report.explorer --dataset {wildcards.dataset}"
        " --architecture {wildcards.architecture} --model-seed {params.model_seed}"
        " --megabytes {params.megabytes} --seed {params.seed} --shards {input.shards:q}"
        " --resize {params.resize} --records {input.records:q} --classes {input.classes:q}"
        " --part-maps {input.part_maps:q} --pairs {input.pairs:q} --names {params.names:q}"
        " --maps {input.maps:q} --scores {input.scores:q} --out {output:q} > {log:q} 2>&1"


rule report:
    input:
        tables=PATHS.tables,
        # listed too, so that the missing table of a new evaluation triggers the rule
        table_files=expand(f"{PATHS.table}.csv", table=REPORT.tables()),
        figures=REPORT.figures(),
        explorers=REPORT.explorers(),
        captions=[caption_of(name) for name in REPORT.captions()],
        metrics=REPORT.metrics(),
        checks=REPORT.checks(),
        manifests=REPORT.manifests(),
        page=sorted(glob(f"{ASSETS}/*")),
        code=code_of("pipeline.report"),
    output:
        report(
            PATHS.report,
            caption="../report/report.rst",
            category="Report",
            labels={"page": "report"},
        ),
    log:
        f"{LOGS}/report.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    params:
        # a function: Snakemake would read a brace of the title as a wildcard
        study=lambda wildcards: params(STUDY),
        benchmarks=BENCHMARKS,
    shell:
        "python -m pipeline.report --study {params.study:q} --tables {input.tables:q}"
        " --figures {input.figures:q} --explorers {input.explorers:q}"
        " --captions {input.captions:q} --metrics {input.metrics:q} --checks {input.checks:q}"
        " --manifests {input.manifests:q} --benchmarks {params.benchmarks:q} --out {output:q}"
        " > {log:q} 2>&1"
