# Stage 6, attribute: the maps that any evaluation will ask for, one file a (model, method).
#   weights, test shards, records (+ pairs, supersets) -> maps/{model}/{method}.h5
#   the same of the val images, of their own class     -> maps/{model}/val/{method}.h5
#   the same, a user's own maps (docs/own_maps.md)     -> maps/{model}/{method}.h5
# With `map_chunks` of a data set:
#   the same                     -> maps/{model}/[val/]chunks/{method}/{0,1,...}.h5
#   the chunks of a method       -> maps/{model}/[val/]{method}.h5, which reads as if in one piece
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
    wildcard_constraints:
        dataset=WHOLE,
        method=NO_NOISE,
    conda:
        ENV
    threads: 1
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        entry=lambda wildcards: entries_of(wildcards.method),
        options=lambda wildcards: options_of(wildcards.method),
        chunk="0 1",
    shell:
        "python -m pipeline.attribution --section {params.options:q} --method {wildcards.method}"
        " --weights {input.weights:q} --shards {input.shards:q} --records {input.records:q}"
        " --pairs {input.pairs:q} --supersets {input.supersets:q} --chunk {params.chunk}"
        " --out {output:q}"
        " --workers {threads} --threads {threads} --gpus {resources.gpu} > {log:q} 2>&1"


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


# The methods by noisy gradients share the noise: one pass writes the maps of all of them.
rule attribute_noise:
    input:
        weights=WEIGHTS,
        shards=f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        pairs=pairs_of,
        code=code_of("pipeline.attribution", METHODS[NOISE[0]].code),
    output:
        [f"{RESULTS}/maps/{MODEL}/{name}.h5" for name in NOISE],
    log:
        f"{RESULTS}/logs/attribute/{MODEL}/noise.log",
    benchmark:
        f"{RESULTS}/benchmarks/attribute/{MODEL}/noise.tsv"
    wildcard_constraints:
        dataset=WHOLE,
    conda:
        ENV
    threads: 1
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        methods=NOISE,
        entry=entries_of(*NOISE),
        options=options_of(*NOISE),
        chunk="0 1",
    shell:
        "python -m pipeline.attribution --section {params.options:q} --method {params.methods}"
        " --weights {input.weights:q} --shards {input.shards:q} --records {input.records:q}"
        " --pairs {input.pairs:q} --chunk {params.chunk} --out {output:q} --batch-size 8"
        " --workers {threads} --threads {threads} --gpus {resources.gpu} > {log:q} 2>&1"


use rule attribute_noise as attribute_noise_val with:
    input:
        weights=WEIGHTS,
        shards=f"{RESULTS}/shards/{{dataset}}/val/manifest.json",
        records=f"{RESULTS}/datasets/{{dataset}}/val.parquet",
        pairs=[],
        code=code_of("pipeline.attribution", METHODS[NOISE[0]].code),
    output:
        [f"{RESULTS}/maps/{MODEL}/val/{name}.h5" for name in NOISE],
    log:
        f"{RESULTS}/logs/attribute/{MODEL}/val/noise.log",
    benchmark:
        f"{RESULTS}/benchmarks/attribute/{MODEL}/val/noise.tsv"


# A chunk of either split; {folder} is "" or "val/".
use rule attribute as attribute_chunk with:
    input:
        weights=WEIGHTS,
        shards=chunk_shards,
        records=chunk_records,
        pairs=chunk_pairs,
        supersets=f"{RESULTS}/supersets/{{dataset}}.json",
        code=method_code,
    output:
        f"{RESULTS}/maps/{MODEL}/{{folder}}chunks/{{method}}/{{chunk}}.h5",
    log:
        f"{RESULTS}/logs/attribute/{MODEL}/{{folder}}chunks/{{method}}/{{chunk}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/attribute/{MODEL}/{{folder}}chunks/{{method}}/{{chunk}}.tsv"
    wildcard_constraints:
        dataset=CHUNKED,
        method=NO_NOISE,
        folder="(val/)?",
        chunk=r"\d+",
    params:
        entry=lambda wildcards: entries_of(wildcards.method),
        options=lambda wildcards: options_of(wildcards.method),
        chunk=chunk_of,


use rule attribute_noise as attribute_noise_chunk with:
    input:
        weights=WEIGHTS,
        shards=chunk_shards,
        records=chunk_records,
        pairs=chunk_pairs,
        code=code_of("pipeline.attribution", METHODS[NOISE[0]].code),
    output:
        [
            f"{RESULTS}/maps/{MODEL}/{{folder}}chunks/{name}/{{chunk}}.h5"
            for name in NOISE
        ],
    log:
        f"{RESULTS}/logs/attribute/{MODEL}/{{folder}}chunks/noise/{{chunk}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/attribute/{MODEL}/{{folder}}chunks/noise/{{chunk}}.tsv"
    wildcard_constraints:
        dataset=CHUNKED,
        folder="(val/)?",
        chunk=r"\d+",
    params:
        methods=NOISE,
        entry=entries_of(*NOISE),
        options=options_of(*NOISE),
        chunk=chunk_of,


rule join_maps:
    input:
        chunks=chunk_files,
        code=code_of("pipeline.attribution.join"),
    output:
        f"{RESULTS}/maps/{MODEL}/{{folder}}{{method}}.h5",
    log:
        f"{RESULTS}/logs/attribute/{MODEL}/{{folder}}{{method}}.log",
    wildcard_constraints:
        dataset=CHUNKED,
        method="|".join(METHODS),
        folder="(val/)?",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=1000,
    shell:
        "python -m pipeline.attribution.join --chunks {input.chunks:q} --out {output:q}"
        " > {log:q} 2>&1"


rule own_maps:
    input:
        weights=WEIGHTS,
        shards=f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        pairs=pairs_of,
        maps=own_files,
        code=code_of("pipeline.attribution.own"),
    output:
        f"{RESULTS}/maps/{MODEL}/{{method}}.h5",
    log:
        f"{RESULTS}/logs/attribute/{MODEL}/{{method}}.log",
    wildcard_constraints:
        method="|".join(STUDY.methods.own) or "(?!)",  # nothing, where there are none
    conda:
        ENV
    threads: 1
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        path=lambda wildcards: STUDY.methods.own[wildcards.method].path,
    shell:
        "python -m pipeline.attribution.own --name {wildcards.method} --path {params.path:q}"
        " --weights {input.weights:q} --shards {input.shards:q} --records {input.records:q}"
        " --pairs {input.pairs:q} --out {output:q}"
        " --workers {threads} --threads {threads} --gpus {resources.gpu} > {log:q} 2>&1"
