# Stage 6, attribute: the maps that any evaluation will ask for, one file for each model and method.
#   weights, shards, records (+ pairs, supersets)      -> maps/{model}/{split}/{method}.h5
#   the same, a user's own maps (docs/own_maps.md)     -> maps/{model}/test/{method}.h5
# The test images' maps are measured; those of the val images choose a map threshold
# (`evaluation.wsol.val_threshold`). With `map_chunks` of a data set:
#   the same                                           -> maps/{model}/{split}/chunks/{method}/{chunk}.h5
#   the chunks of a method                             -> maps/{model}/{split}/{method}.h5, which reads
#                                                         as if in one piece
# One forward pass per image serves all of its targets (pipeline/attribution/plan.py).
rule attribute:
    input:
        weights=PATHS.weights,
        shards=PATHS.shards,
        records=PATHS.records,
        pairs=DATA.pairs,
        supersets=PATHS.supersets,
        code=lambda wildcards: code_of("pipeline.attribution", MAPS.code(wildcards))
        + MAPS.function_files(wildcards),
    output:
        PATHS.maps,
    log:
        f"{LOGS}/attribute/{MODEL}/{{split}}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/attribute/{MODEL}/{{split}}/{{method}}.tsv"
    wildcard_constraints:
        dataset=MAPS.datasets(chunked=False),
        method=MAPS.single_methods(),
    conda:
        ENV
    threads: 1
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        entry=lambda wildcards: MAPS.entries(wildcards.method),
        options=lambda wildcards: MAPS.options(wildcards.method),
        chunk="0 1",
    shell:
        "python -m pipeline.attribution --section {params.options:q} --method {wildcards.method}"
        " --weights {input.weights:q} --shards {input.shards:q} --records {input.records:q}"
        " --pairs {input.pairs:q} --supersets {input.supersets:q} --chunk {params.chunk}"
        " --out {output:q}"
        " --workers {threads} --threads {threads} --gpus {resources.gpu} > {log:q} 2>&1"


# The methods by noisy gradients share the noise: one pass writes the maps of all of them.
rule attribute_noise:
    input:
        weights=PATHS.weights,
        shards=PATHS.shards,
        records=PATHS.records,
        pairs=DATA.pairs,
        code=code_of("pipeline.attribution", METHODS[NOISE[0]].code),
    output:
        expand(PATHS.maps, method=NOISE, allow_missing=True),
    log:
        f"{LOGS}/attribute/{MODEL}/{{split}}/noise.log",
    benchmark:
        f"{BENCHMARKS}/attribute/{MODEL}/{{split}}/noise.tsv"
    wildcard_constraints:
        dataset=MAPS.datasets(chunked=False),
    conda:
        ENV
    threads: 1
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        methods=NOISE,
        entry=lambda wildcards: MAPS.entries(*NOISE),  # its {score} is not a wildcard
        options=MAPS.options(*NOISE),
        chunk="0 1",
    shell:
        "python -m pipeline.attribution --section {params.options:q} --method {params.methods}"
        " --weights {input.weights:q} --shards {input.shards:q} --records {input.records:q}"
        " --pairs {input.pairs:q} --chunk {params.chunk} --out {output:q} --batch-size 8"
        " --workers {threads} --threads {threads} --gpus {resources.gpu} > {log:q} 2>&1"


use rule attribute as attribute_chunk with:
    output:
        PATHS.map_chunk,
    log:
        f"{LOGS}/attribute/{MODEL}/{{split}}/chunks/{{method}}/{{chunk}}.log",
    benchmark:
        f"{BENCHMARKS}/attribute/{MODEL}/{{split}}/chunks/{{method}}/{{chunk}}.tsv"
    wildcard_constraints:
        dataset=MAPS.datasets(chunked=True),
        method=MAPS.single_methods(),
    params:
        entry=lambda wildcards: MAPS.entries(wildcards.method),
        options=lambda wildcards: MAPS.options(wildcards.method),
        chunk=MAPS.chunk,


use rule attribute_noise as attribute_noise_chunk with:
    output:
        expand(PATHS.map_chunk, method=NOISE, allow_missing=True),
    log:
        f"{LOGS}/attribute/{MODEL}/{{split}}/chunks/noise/{{chunk}}.log",
    benchmark:
        f"{BENCHMARKS}/attribute/{MODEL}/{{split}}/chunks/noise/{{chunk}}.tsv"
    wildcard_constraints:
        dataset=MAPS.datasets(chunked=True),
    params:
        methods=NOISE,
        entry=lambda wildcards: MAPS.entries(*NOISE),  # its {score} is not a wildcard
        options=MAPS.options(*NOISE),
        chunk=MAPS.chunk,


rule join_maps:
    input:
        chunks=MAPS.chunks,
        code=code_of("pipeline.attribution.join"),
    output:
        PATHS.maps,
    log:
        f"{LOGS}/attribute/{MODEL}/{{split}}/{{method}}.log",
    wildcard_constraints:
        dataset=MAPS.datasets(chunked=True),
        method=MAPS.computed_methods(),
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
        weights=MODELS.weights,
        shards=PATHS.shards,
        records=PATHS.records,
        pairs=DATA.pairs,
        maps=MAPS.own_files,
        code=code_of("pipeline.attribution.own"),
    output:
        PATHS.maps,
    log:
        f"{LOGS}/attribute/{MODEL}/{{split}}/{{method}}.log",
    wildcard_constraints:
        split="test",
        method=MAPS.own_methods(),
    conda:
        ENV
    threads: 1
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        path=MAPS.own_path,
    shell:
        "python -m pipeline.attribution.own --name {wildcards.method} --path {params.path:q}"
        " --weights {input.weights:q} --shards {input.shards:q} --records {input.records:q}"
        " --pairs {input.pairs:q} --out {output:q}"
        " --workers {threads} --threads {threads} --gpus {resources.gpu} > {log:q} 2>&1"
