# Stage 1, datasets: a raw folder in one of the layouts of docs/datasets.md -> checked records.
#   draw     config datasets.*.draw                  -> raw/{dataset}/ and its manifest raw/{dataset}.json
#   records  raw folder (config root, or drawn)      -> datasets/{dataset}/{train,val,test}.parquet,
#                                                       classes.csv, check.json
rule draw:
    input:
        code=code_of("pipeline.datasets.synthbirds"),
    output:
        folder=directory(f"{RESULTS}/raw/{{dataset}}"),
        manifest=f"{RESULTS}/raw/{{dataset}}.json",
    log:
        f"{RESULTS}/logs/draw/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/draw/{{dataset}}.tsv"
    conda:
        ENV
    threads: 2
    resources:
        mem_mb=2000,
    params:
        section=lambda wildcards: study_config.params(dataset_of(wildcards).draw),
    shell:
        "python -m pipeline.datasets draw --section {params.section:q} --out {output.folder:q}"
        " --manifest {output.manifest:q} --workers {threads} > {log:q} 2>&1"


rule records:
    input:
        raw=raw_inputs,
        # the reader's module bears the layout's name
        code=lambda wildcards: code_of(
            f"pipeline.datasets.{dataset_of(wildcards).records.layout}"
        ),
    output:
        splits=expand(
            f"{RESULTS}/datasets/{{{{dataset}}}}/{{split}}.parquet",
            split=("train", "val", "test"),
        ),
        classes=f"{RESULTS}/datasets/{{dataset}}/classes.csv",
        check=f"{RESULTS}/datasets/{{dataset}}/check.json",
    log:
        f"{RESULTS}/logs/records/{{dataset}}.log",
    conda:
        ENV
    threads: 2
    resources:
        mem_mb=2000,
    params:
        section=lambda wildcards: study_config.params(dataset_of(wildcards).records),
        root=root_of,
        out=lambda wildcards: f"{RESULTS}/datasets/{wildcards.dataset}",
    shell:
        "python -m pipeline.datasets records --section {params.section:q} --root {params.root:q}"
        " --out {params.out:q} > {log:q} 2>&1"
