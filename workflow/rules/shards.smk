# Stage 2, shards: records and images -> WebDataset shards of one split.
#   datasets/{dataset}/{split}.parquet -> shards/{dataset}/{split}/manifest.json (+ the *.tar it lists)
# The manifest carries count, bytes and sha256 of each shard, so it alone is the output: what reads
# the shards checks them against it.
# Shards that lie elsewhere (`shards: {url: ...}`) are no input of any rule. A copy of their manifest,
# made once, stands for them, and what reads the shards checks them against it. Where what is fetched is
# kept stands in a file that no rule knows (pipeline/study/caches.py).
rule shards:
    input:
        records=PATHS.records,
        code=code_of("pipeline.sharding"),
    output:
        PATHS.shards,
    log:
        f"{LOGS}/shards/{{dataset}}/{{split}}.log",
    benchmark:
        f"{BENCHMARKS}/shards/{{dataset}}/{{split}}.tsv"
    wildcard_constraints:
        dataset=DATA.local(),
    conda:
        ENV
    threads: 2
    resources:
        mem_mb=2000,
    params:
        section=lambda wildcards: params(DATA.of(wildcards).images),
        out=lambda wildcards, output: os.path.dirname(output[0]),
    shell:
        "python -m pipeline.sharding --section {params.section:q} --records {input.records:q}"
        " --split {wildcards.split} --out {params.out:q} --workers {threads} > {log:q} 2>&1"


rule remote_shards:
    input:
        records=PATHS.records,
        code=code_of("pipeline.sharding.remote"),
    output:
        manifest=PATHS.shards,
        samples=PATHS.shard_samples,
    log:
        f"{LOGS}/shards/{{dataset}}/{{split}}.log",
    wildcard_constraints:
        dataset=DATA.remote(),
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        section=lambda wildcards: params(DATA.of(wildcards).images),
        url=DATA.url,
    shell:
        "python -m pipeline.sharding.remote --section {params.section:q}"
        " --url {params.url:q} --records {input.records:q} --split {wildcards.split}"
        " --out {output.manifest:q} > {log:q} 2>&1"
