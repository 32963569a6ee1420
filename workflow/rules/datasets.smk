# Stage 1, datasets: a raw folder in one of the layouts of docs/datasets.md -> checked records.
#   draw     config datasets.*.draw                  -> raw/{dataset}/ and its manifest raw/{dataset}.json
#   records  raw folder (config root, or drawn)      -> datasets/{dataset}/{train,val,test}.parquet,
#                                                       classes.csv, check.json
#   fixations  records, config datasets.*.gaze       -> datasets/{dataset}/fixations.parquet
rule draw:
    input:
        code=code_of("pipeline.datasets.synthbirds"),
    output:
        folder=directory(PATHS.raw),
        manifest=PATHS.raw_manifest,
    log:
        f"{LOGS}/draw/{{dataset}}.log",
    benchmark:
        f"{BENCHMARKS}/draw/{{dataset}}.tsv"
    conda:
        ENV
    threads: 2
    resources:
        mem_mb=2000,
    params:
        section=lambda wildcards: params(DATA.of(wildcards).draw),
    shell:
        "python -m pipeline.datasets draw --section {params.section:q} --out {output.folder:q}"
        " --manifest {output.manifest:q} --workers {threads} > {log:q} 2>&1"


rule records:
    input:
        raw=DATA.raw,
        code=lambda wildcards: code_of(DATA.reader(wildcards)),
    output:
        splits=expand(PATHS.records, split=("train", "val", "test"), allow_missing=True),
        classes=PATHS.classes,
        check=PATHS.data_check,
    log:
        f"{LOGS}/records/{{dataset}}.log",
    conda:
        ENV
    threads: 2
    resources:
        mem_mb=2000,
    params:
        records=lambda wildcards: params(DATA.of(wildcards).records),
        # With what the study's evaluations need of the data. Snakemake does not track params that
        # ask for threads: adding an evaluation does not make the records again.
        section=lambda wildcards, threads: params(records_job(STUDY, wildcards.dataset)),
        root=DATA.root,
        out=PATHS.dataset,
    shell:
        "python -m pipeline.datasets records --section {params.section:q} --root {params.root:q}"
        " --out {params.out:q} > {log:q} 2>&1"


rule fixations:
    input:
        gaze=DATA.gaze_files,
        raw=DATA.raw,
        records=expand(PATHS.records, split="test", allow_missing=True),
        code=code_of("pipeline.datasets.gaze"),
    output:
        PATHS.fixations,
    log:
        f"{LOGS}/fixations/{{dataset}}.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        gaze=DATA.gaze,
        root=DATA.root,
    shell:
        "python -m pipeline.datasets fixations --gaze {params.gaze:q} --root {params.root:q}"
        " --records {input.records:q} --out {output:q} > {log:q} 2>&1"
