# Search: random draws of the training keys, judged on the val images (config `search`, docs/search.md).
#   shards of train and val, val records -> search/{model without seed}/draw{0,1,...}.json
#   the draws of a model                 -> search/{model without seed}/{ledger.csv,best.json,
#                                           expected_best.csv}
# A draw is named by its number alone: more draws run beside those that are finished.
rule search_draw:
    input:
        train=f"{RESULTS}/shards/{{dataset}}/train/manifest.json",
        val=f"{RESULTS}/shards/{{dataset}}/val/manifest.json",
        records=f"{RESULTS}/datasets/{{dataset}}/val.parquet",
        classes=f"{RESULTS}/datasets/{{dataset}}/classes.csv",
        init=init_weights,
        code=draw_code,
    output:
        f"{SEARCH}/draw{{draw}}.json",
    log:
        f"{RESULTS}/logs/search/{{dataset}}/{{architecture}}/{{variant}}/draw{{draw}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/search/{{dataset}}/{{architecture}}/{{variant}}/draw{{draw}}.tsv"
    wildcard_constraints:
        draw=r"\d+",
    conda:
        ENV
    threads: STUDY.cpu_threads
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        section=draw_section,
        resize=lambda wildcards: dataset_of(wildcards).images.resize,
        checkpoints=f"{RESULTS}/checkpoints",
        cpu_threads=STUDY.cpu_threads,
    shell:
        "python -m pipeline.search.draw --section {params.section:q} --train-shards {input.train:q}"
        " --val-shards {input.val:q} --val-records {input.records:q} --classes {input.classes:q}"
        " --init-weights {input.init:q} --resize {params.resize}"
        " --checkpoints {params.checkpoints:q} --out {output:q} --workers {threads}"
        " --threads {params.cpu_threads:q} --gpus {resources.gpu} > {log:q} 2>&1"


rule search_ledger:
    input:
        draws=lambda wildcards: expand(
            f"{SEARCH}/draw{{draw}}.json", draw=range(STUDY.search.draws), **wildcards
        ),
        code=code_of("pipeline.search.ledger"),
    output:
        multiext(f"{SEARCH}/", "ledger.csv", "best.json", "expected_best.csv"),
    log:
        f"{RESULTS}/logs/search/{{dataset}}/{{architecture}}/{{variant}}/ledger.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=500,
    params:
        out=lambda wildcards: SEARCH.format(**wildcards),
    shell:
        "python -m pipeline.search.ledger --draws {input.draws:q} --out {params.out:q}"
        " > {log:q} 2>&1"
