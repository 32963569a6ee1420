# Stage 2, shards: records and images -> WebDataset shards of one split.
#   datasets/{dataset}/{split}.parquet -> shards/{dataset}/{split}/manifest.json (+ the *.tar it lists)
# The manifest carries count, bytes and sha256 of each shard, so it alone is the output: what reads
# the shards checks them against it.
rule shards:
    input:
        records=f"{RESULTS}/datasets/{{dataset}}/{{split}}.parquet",
        code=code_of("pipeline.sharding"),
    output:
        f"{RESULTS}/shards/{{dataset}}/{{split}}/manifest.json",
    log:
        f"{RESULTS}/logs/shards/{{dataset}}/{{split}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/shards/{{dataset}}/{{split}}.tsv"
    conda:
        ENV
    threads: 2
    resources:
        mem_mb=2000,
    params:
        section=lambda wildcards: study_config.params(dataset_of(wildcards).images),
        out=lambda wildcards: f"{RESULTS}/shards/{wildcards.dataset}/{wildcards.split}",
    shell:
        "python -m pipeline.sharding --section {params.section:q} --records {input.records:q}"
        " --split {wildcards.split} --out {params.out:q} --workers {threads} > {log:q} 2>&1"
