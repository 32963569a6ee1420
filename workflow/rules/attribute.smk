# Stage 6, attribute: the maps that any evaluation will ask for, one file for each model and method.
#   weights, shards, records (+ pairs, supersets)      -> maps/{model}/{split}/{method}.h5
#   the same, a user's own maps (docs/own_maps.md)     -> maps/{model}/test/{method}.h5
# The test images' maps are measured; those of the val images choose a map threshold
# (`evaluation.wsol.val_threshold`). With `map_chunks` of a data set:
#   the same                                           -> maps/{model}/{split}/chunks/{method}/{chunk}.h5
#   the chunks of a method                             -> maps/{model}/{split}/{method}.h5, which reads
#                                                         as if in one piece
# One forward pass per image serves all of its targets (pipeline/attribution/plan.py). Methods that share
# their work have one job (TOGETHER, pipeline/study/inputs/maps.py), which writes the maps of all of them,
# whichever the study asks for: one more of them needs no pass of the network.
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
        methods="{method}",
        # functions, because the {score} of an entry is no wildcard
        entry=lambda wildcards: MAPS.entries(wildcards.method),
        options=lambda wildcards: MAPS.options(wildcards.method),
        chunk="0 1",
        batch_size=64,
    shell:
        "python -m pipeline.attribution --section {params.options:q} --method {params.methods}"
        " --weights {input.weights:q} --shards {input.shards:q} --records {input.records:q}"
        " --pairs {input.pairs:q} --supersets {input.supersets:q} --chunk {params.chunk}"
        " --out {output:q} --batch-size {params.batch_size}"
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
        chunk=MAPS.chunk,


# All maps of CAM come from one forward pass of each image.
use rule attribute as attribute_cam with:
    input:
        weights=PATHS.weights,
        shards=PATHS.shards,
        records=PATHS.records,
        pairs=DATA.pairs,
        supersets=PATHS.supersets,
        code=code_of("pipeline.attribution", METHODS[TOGETHER["cam"][0]].code),
    output:
        expand(PATHS.maps, method=TOGETHER["cam"], allow_missing=True),
    log:
        f"{LOGS}/attribute/{MODEL}/{{split}}/cam.log",
    benchmark:
        f"{BENCHMARKS}/attribute/{MODEL}/{{split}}/cam.tsv"
    wildcard_constraints:
        dataset=MAPS.datasets(chunked=False),
    params:
        methods=TOGETHER["cam"],
        entry=lambda wildcards: MAPS.entries(*TOGETHER["cam"]),
        options=MAPS.options(*TOGETHER["cam"]),


use rule attribute_cam as attribute_cam_chunk with:
    output:
        expand(PATHS.map_chunk, method=TOGETHER["cam"], allow_missing=True),
    log:
        f"{LOGS}/attribute/{MODEL}/{{split}}/chunks/cam/{{chunk}}.log",
    benchmark:
        f"{BENCHMARKS}/attribute/{MODEL}/{{split}}/chunks/cam/{{chunk}}.tsv"
    wildcard_constraints:
        dataset=MAPS.datasets(chunked=True),
    params:
        chunk=MAPS.chunk,


# All maps of CALM come from one forward pass of each image.
use rule attribute as attribute_calm with:
    input:
        weights=PATHS.weights,
        shards=PATHS.shards,
        records=PATHS.records,
        pairs=DATA.pairs,
        supersets=PATHS.supersets,
        code=code_of("pipeline.attribution", METHODS[TOGETHER["calm"][0]].code),
    output:
        expand(PATHS.maps, method=TOGETHER["calm"], allow_missing=True),
    log:
        f"{LOGS}/attribute/{MODEL}/{{split}}/calm.log",
    benchmark:
        f"{BENCHMARKS}/attribute/{MODEL}/{{split}}/calm.tsv"
    wildcard_constraints:
        dataset=MAPS.datasets(chunked=False),
    params:
        methods=TOGETHER["calm"],
        entry=lambda wildcards: MAPS.entries(*TOGETHER["calm"]),
        options=MAPS.options(*TOGETHER["calm"]),


use rule attribute_calm as attribute_calm_chunk with:
    output:
        expand(PATHS.map_chunk, method=TOGETHER["calm"], allow_missing=True),
    log:
        f"{LOGS}/attribute/{MODEL}/{{split}}/chunks/calm/{{chunk}}.log",
    benchmark:
        f"{BENCHMARKS}/attribute/{MODEL}/{{split}}/chunks/calm/{{chunk}}.tsv"
    wildcard_constraints:
        dataset=MAPS.datasets(chunked=True),
    params:
        chunk=MAPS.chunk,


# The methods by noisy gradients share the noise.
use rule attribute as attribute_noise with:
    input:
        weights=PATHS.weights,
        shards=PATHS.shards,
        records=PATHS.records,
        pairs=DATA.pairs,
        supersets=[],
        code=code_of("pipeline.attribution", METHODS[TOGETHER["noise"][0]].code),
    output:
        expand(PATHS.maps, method=TOGETHER["noise"], allow_missing=True),
    log:
        f"{LOGS}/attribute/{MODEL}/{{split}}/noise.log",
    benchmark:
        f"{BENCHMARKS}/attribute/{MODEL}/{{split}}/noise.tsv"
    wildcard_constraints:
        dataset=MAPS.datasets(chunked=False),
    params:
        methods=TOGETHER["noise"],
        entry=lambda wildcards: MAPS.entries(*TOGETHER["noise"]),
        options=MAPS.options(*TOGETHER["noise"]),
        batch_size=8,


use rule attribute_noise as attribute_noise_chunk with:
    output:
        expand(PATHS.map_chunk, method=TOGETHER["noise"], allow_missing=True),
    log:
        f"{LOGS}/attribute/{MODEL}/{{split}}/chunks/noise/{{chunk}}.log",
    benchmark:
        f"{BENCHMARKS}/attribute/{MODEL}/{{split}}/chunks/noise/{{chunk}}.tsv"
    wildcard_constraints:
        dataset=MAPS.datasets(chunked=True),
    params:
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
