# Stage 7, evaluate: scores with intervals, and per-image results beside them.
#   weights, test shards                -> scores/classification/{model}/model.{json,npz}
#   maps, part maps, pairs              -> scores/cues/{model}/{method}.{json,npz}
#   maps, boxes in the records          -> scores/wsol/{model}/{method}.{json,npz}
#   the same without a model            -> scores/{cues,wsol}/{dataset}/baselines/{baseline}.{json,npz}
rule classification:
    input:
        weights=WEIGHTS,
        shards=f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
        code=code_of("pipeline.evaluation.classification"),
    output:
        score=f"{SCORES}/classification/{MODEL}/model.json",
        images=f"{SCORES}/classification/{MODEL}/model.npz",
    log:
        f"{RESULTS}/logs/classification/{MODEL}.log",
    conda:
        ENV
    threads: 2
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        section=study_config.params(STUDY.evaluation.classification),
        identity=identity_of,
    shell:
        "python -m pipeline.evaluation.classification --section {params.section:q}"
        " --weights {input.weights:q} --shards {input.shards:q} --identity {params.identity:q}"
        " --out {output.score:q} --workers {threads} --threads {threads}"
        " --gpus {resources.gpu} > {log:q} 2>&1"


rule cue_localization:
    input:
        maps=f"{RESULTS}/maps/{MODEL}/{{method}}.h5",
        pairs=f"{RESULTS}/cues/{{dataset}}/pairs.csv",
        part_maps=f"{RESULTS}/cues/{{dataset}}/part_maps.h5",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        code=code_of("pipeline.evaluation.cue_localization"),
    output:
        score=f"{SCORES}/cues/{MODEL}/{{method}}.json",
        images=f"{SCORES}/cues/{MODEL}/{{method}}.npz",
    log:
        f"{RESULTS}/logs/cues/{MODEL}/{{method}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/cues/{MODEL}/{{method}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
    params:
        section=study_config.params(STUDY.evaluation.cues),
        identity=identity_of,
    shell:
        "python -m pipeline.evaluation.cue_localization --section {params.section:q}"
        " --maps {input.maps:q} --pairs {input.pairs:q} --part-maps {input.part_maps:q}"
        " --records {input.records:q} --identity {params.identity:q} --out {output.score:q}"
        " > {log:q} 2>&1"


rule cue_baseline:
    input:
        pairs=f"{RESULTS}/cues/{{dataset}}/pairs.csv",
        part_maps=f"{RESULTS}/cues/{{dataset}}/part_maps.h5",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        code=code_of("pipeline.evaluation.cue_localization"),
    output:
        score=f"{SCORES}/cues/{{dataset}}/baselines/{{method}}.json",
        images=f"{SCORES}/cues/{{dataset}}/baselines/{{method}}.npz",
    log:
        f"{RESULTS}/logs/cues/{{dataset}}/baselines/{{method}}.log",
    wildcard_constraints:
        method="|".join(CUE_BASELINES),
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
    params:
        section=study_config.params(STUDY.evaluation.cues),
        identity=identity_of,
    shell:
        "python -m pipeline.evaluation.cue_localization --section {params.section:q}"
        " --baseline {wildcards.method} --pairs {input.pairs:q} --part-maps {input.part_maps:q}"
        " --records {input.records:q} --identity {params.identity:q} --out {output.score:q}"
        " > {log:q} 2>&1"


rule wsol:
    input:
        maps=f"{RESULTS}/maps/{MODEL}/{{method}}.h5",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        code=code_of("pipeline.evaluation.wsol"),
    output:
        score=f"{SCORES}/wsol/{MODEL}/{{method}}.json",
        images=f"{SCORES}/wsol/{MODEL}/{{method}}.npz",
    log:
        f"{RESULTS}/logs/wsol/{MODEL}/{{method}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/wsol/{MODEL}/{{method}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
    params:
        section=study_config.params(STUDY.evaluation.wsol),
        identity=identity_of,
        size=lambda wildcards: dataset_of(wildcards).images.eval_size,
        resize=lambda wildcards: dataset_of(wildcards).images.resize,
    shell:
        "python -m pipeline.evaluation.wsol --section {params.section:q} --maps {input.maps:q}"
        " --records {input.records:q} --size {params.size} --resize {params.resize}"
        " --identity {params.identity:q} --out {output.score:q} > {log:q} 2>&1"


rule wsol_baseline:
    input:
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        code=code_of("pipeline.evaluation.wsol"),
    output:
        score=f"{SCORES}/wsol/{{dataset}}/baselines/{{method}}.json",
        images=f"{SCORES}/wsol/{{dataset}}/baselines/{{method}}.npz",
    log:
        f"{RESULTS}/logs/wsol/{{dataset}}/baselines/{{method}}.log",
    wildcard_constraints:
        method="|".join(WSOL_BASELINES),
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
    params:
        section=study_config.params(STUDY.evaluation.wsol),
        identity=identity_of,
        size=lambda wildcards: dataset_of(wildcards).images.eval_size,
        resize=lambda wildcards: dataset_of(wildcards).images.resize,
    shell:
        "python -m pipeline.evaluation.wsol --section {params.section:q}"
        " --baseline {wildcards.method} --records {input.records:q} --size {params.size}"
        " --resize {params.resize} --identity {params.identity:q} --out {output.score:q}"
        " > {log:q} 2>&1"
