# Search: random draws of the training keys, judged on the val images (config `search`, docs/search.md).
#   shards of train and val, val records -> search/{model without seed}/draw{0,1,...}.json
#   the draws of a model                 -> search/{model without seed}/{ledger.csv,best.json,
#                                           expected_best.csv}
# A draw is named by its number alone: more draws add to those that are finished.
rule search_draw:
    input:
        train=expand(PATHS.shards, split="train", allow_missing=True),
        val=expand(PATHS.shards, split="val", allow_missing=True),
        records=expand(PATHS.records, split="val", allow_missing=True),
        classes=PATHS.classes,
        init=MODELS.weights_to_start_from,
        code=lambda wildcards: code_of(
            "pipeline.search.draw", *MODELS.training(wildcards).code
        ),
    output:
        PATHS.draw,
    log:
        f"{LOGS}/search/{SEARCHED}/draw{{draw}}.log",
    benchmark:
        f"{BENCHMARKS}/search/{SEARCHED}/draw{{draw}}.tsv"
    conda:
        ENV
    threads: STUDY.cpu_threads
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        section=MODELS.draw_section,
        resize=lambda wildcards: DATA.of(wildcards).images.resize,
        checkpoints=PATHS.checkpoints,
        cpu_threads=STUDY.cpu_threads,
    shell:
        "python -m pipeline.search.draw --section {params.section:q} --train-shards {input.train:q}"
        " --val-shards {input.val:q} --val-records {input.records:q} --classes {input.classes:q}"
        " --init-weights {input.init:q} --resize {params.resize}"
        " --checkpoints {params.checkpoints:q} --out {output:q} --workers {threads}"
        " --threads {params.cpu_threads:q} --gpus {resources.gpu} > {log:q} 2>&1"


rule search_ledger:
    input:
        draws=MODELS.draws,
        code=code_of("pipeline.search.ledger"),
    output:
        PATHS.ledger,
        PATHS.best,
        PATHS.expected_best,
    log:
        f"{LOGS}/search/{SEARCHED}/ledger.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=500,
    params:
        out=PATHS.search,
    shell:
        "python -m pipeline.search.ledger --draws {input.draws:q} --out {params.out:q}"
        " > {log:q} 2>&1"
