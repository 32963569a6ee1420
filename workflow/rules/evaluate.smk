# Stage 7, evaluate: scores with intervals, and per-image results beside them.
#   weights, test shards                -> scores/classification/{model}/model.{json,npz}
#   maps, part maps, pairs              -> scores/cues/{model}/{method}.{json,npz}
#   maps, boxes or masks in the records -> scores/wsol/{model}/{method}.{json,npz}
#   weights, test shards, records, maps -> scores/{task}/{model}/{method}.{json,npz}, for the tasks of
#                                          pipeline/catalogue/evaluations.py that the config has
#   the same without a model            -> scores/{cues,wsol}/{dataset}/baselines/{baseline}.{json,npz}
rule classification:
    input:
        weights=WEIGHTS,
        shards=f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
        code=code_of("pipeline.evaluation.accuracy.classification"),
    output:
        score=f"{SCORES}/classification/{MODEL}/model.json",
        images=f"{SCORES}/classification/{MODEL}/model.npz",
    log:
        f"{RESULTS}/logs/classification/{MODEL}.log",
    conda:
        ENV
    threads: 1
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        section=study_config.params(STUDY.evaluation.classification),
        identity=identity_of,
    shell:
        "python -m pipeline.evaluation.accuracy.classification --section {params.section:q}"
        " --weights {input.weights:q} --shards {input.shards:q} --identity {params.identity:q}"
        " --out {output.score:q} --workers {threads} --threads {threads}"
        " --gpus {resources.gpu} > {log:q} 2>&1"


rule cue_localization:
    input:
        maps=f"{RESULTS}/maps/{MODEL}/{{method}}.h5",
        pairs=f"{RESULTS}/cues/{{dataset}}/pairs.csv",
        part_maps=f"{RESULTS}/cues/{{dataset}}/part_maps.h5",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        code=code_of("pipeline.evaluation.cues.cue_localization"),
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
        "python -m pipeline.evaluation.cues.cue_localization --section {params.section:q}"
        " --maps {input.maps:q} --pairs {input.pairs:q} --part-maps {input.part_maps:q}"
        " --records {input.records:q} --identity {params.identity:q} --out {output.score:q}"
        " > {log:q} 2>&1"


rule cue_baseline:
    input:
        pairs=f"{RESULTS}/cues/{{dataset}}/pairs.csv",
        part_maps=f"{RESULTS}/cues/{{dataset}}/part_maps.h5",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        code=code_of("pipeline.evaluation.cues.cue_localization"),
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
        "python -m pipeline.evaluation.cues.cue_localization --section {params.section:q}"
        " --baseline {wildcards.method} --pairs {input.pairs:q} --part-maps {input.part_maps:q}"
        " --records {input.records:q} --identity {params.identity:q} --out {output.score:q}"
        " > {log:q} 2>&1"


rule wsol:
    input:
        maps=f"{RESULTS}/maps/{MODEL}/{{method}}.h5",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        val_maps=val_maps_of,
        val_records=val_records_of,
        code=code_of("pipeline.evaluation.localisation.wsol"),
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
        mem_mb=6000,
    params:
        section=study_config.params(STUDY.evaluation.wsol),
        identity=identity_of,
        size=lambda wildcards: dataset_of(wildcards).images.eval_size,
        resize=lambda wildcards: dataset_of(wildcards).images.resize,
    shell:
        "python -m pipeline.evaluation.localisation.wsol --section {params.section:q} --maps {input.maps:q}"
        " --records {input.records:q} --val-maps {input.val_maps:q}"
        " --val-records {input.val_records:q} --size {params.size} --resize {params.resize}"
        " --identity {params.identity:q} --out {output.score:q} > {log:q} 2>&1"


rule wsol_baseline:
    input:
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        val_records=val_records_of,
        code=code_of("pipeline.evaluation.localisation.wsol"),
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
        mem_mb=6000,
    params:
        section=study_config.params(STUDY.evaluation.wsol),
        identity=identity_of,
        size=lambda wildcards: dataset_of(wildcards).images.eval_size,
        resize=lambda wildcards: dataset_of(wildcards).images.resize,
    shell:
        "python -m pipeline.evaluation.localisation.wsol --section {params.section:q}"
        " --baseline {wildcards.method} --records {input.records:q}"
        " --val-records {input.val_records:q} --size {params.size} --resize {params.resize}"
        " --identity {params.identity:q} --out {output.score:q} > {log:q} 2>&1"


rule measure:
    input:
        weights=WEIGHTS,
        shards=f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        maps=f"{RESULTS}/maps/{MODEL}/{{method}}.h5",
        base=task_base,
        code=task_code,
    output:
        score=f"{SCORES}/{{task}}/{MODEL}/{{method}}.json",
        images=f"{SCORES}/{{task}}/{MODEL}/{{method}}.npz",
    log:
        f"{RESULTS}/logs/{{task}}/{MODEL}/{{method}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{task}}/{MODEL}/{{method}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        module=lambda wildcards: TASKS[wildcards.task].code,
        section=task_section,
        options=task_options,
        identity=identity_of,
        resize=lambda wildcards: dataset_of(wildcards).images.resize,
    shell:
        "python -m {params.module:q} --section {params.section:q}"
        " --options {params.options:q} --weights {input.weights:q} --shards {input.shards:q}"
        " --records {input.records:q} --maps {input.maps:q} --base {input.base:q}"
        " --resize {params.resize} --identity {params.identity:q} --out {output.score:q}"
        " --workers {threads} --threads {threads} --gpus {resources.gpu} > {log:q} 2>&1"


rule erase_random:
    input:
        weights=WEIGHTS,
        shards=f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        code=code_of("pipeline.evaluation.erasing.erase_random"),
    output:
        score=f"{SCORES}/erase_random/{MODEL}/model.json",
        images=f"{SCORES}/erase_random/{MODEL}/model.npz",
    log:
        f"{RESULTS}/logs/erase_random/{MODEL}.log",
    benchmark:
        f"{RESULTS}/benchmarks/erase_random/{MODEL}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        section=study_config.canonical_json(STUDY.task_section("erase")),
        identity=identity_of,
        resize=lambda wildcards: dataset_of(wildcards).images.resize,
    shell:
        "python -m pipeline.evaluation.erasing.erase_random --section {params.section:q}"
        " --weights {input.weights:q} --shards {input.shards:q} --records {input.records:q}"
        " --resize {params.resize} --identity {params.identity:q} --out {output.score:q}"
        " --workers {threads} --threads {threads} --gpus {resources.gpu} > {log:q} 2>&1"
