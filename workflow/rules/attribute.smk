# Stage 6, attribute: the maps that any evaluation will ask for, one file a (model, method).
#   weights, test shards, records (+ pairs, supersets) -> maps/{model}/{method}.h5
#   the same of the val images, of their own class     -> maps/{model}/val/{method}.h5
# One forward an image serves all of its targets (pipeline/attribution/plan.py).
rule attribute:
    input:
        weights=WEIGHTS,
        shards=f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        pairs=pairs_of,
        supersets=f"{RESULTS}/supersets/{{dataset}}.json",
        code=method_code,
    output:
        f"{RESULTS}/maps/{MODEL}/{{method}}.h5",
    log:
        f"{RESULTS}/logs/attribute/{MODEL}/{{method}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/attribute/{MODEL}/{{method}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        entry=method_entry,
        options=method_options,
    shell:
        "python -m pipeline.attribution --section {params.options:q} --method {wildcards.method} --weights {input.weights:q}"
        " --shards {input.shards:q} --records {input.records:q} --pairs {input.pairs:q}"
        " --supersets {input.supersets:q} --out {output:q} --workers {threads}"
        " --threads {threads} --gpus {resources.gpu} > {log:q} 2>&1"


# For the map threshold that val images choose (`evaluation.wsol.val_threshold`).
use rule attribute as attribute_val with:
    input:
        weights=WEIGHTS,
        shards=f"{RESULTS}/shards/{{dataset}}/val/manifest.json",
        records=f"{RESULTS}/datasets/{{dataset}}/val.parquet",
        pairs=[],
        supersets=f"{RESULTS}/supersets/{{dataset}}.json",
        code=method_code,
    output:
        f"{RESULTS}/maps/{MODEL}/val/{{method}}.h5",
    log:
        f"{RESULTS}/logs/attribute/{MODEL}/val/{{method}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/attribute/{MODEL}/val/{{method}}.tsv"
