# Stage 7, evaluate: scores with intervals, and results per image.
#   weights, test shards                -> scores/classification/{model}/model.{json,npz}
#   results per image of that           -> scores/calibration/{model}/model.{json,npz}
#   maps, part maps, pairs              -> scores/cue_localization/{model}/{method}.{json,npz}
#   maps, boxes or masks in the records -> scores/wsol/{model}/{method}.{json,npz}
#   weights, test shards, records, maps -> scores/{task}/{model}/{method}.{json,npz}, for the tasks of
#                                          pipeline/catalogue/evaluations.py that the config has;
#                                          measure_maps are those that ask no model
#   the same without a model            -> scores/{cue_localization,wsol,gaze}/{dataset}/baselines/
#                                          {baseline}.{json,npz}
rule classification:
    input:
        weights=PATHS.weights,
        shards=expand(PATHS.shards, split="test", allow_missing=True),
        code=code_of("pipeline.evaluation.accuracy.classification"),
    output:
        **SCORES.outputs("classification", NO_MAPS),
    log:
        f"{LOGS}/classification/{MODEL}.log",
    conda:
        ENV
    threads: 1
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        section=params(STUDY.evaluation.classification),
        identity=SCORES.identity,
    shell:
        "python -m pipeline.evaluation.accuracy.classification --section {params.section:q}"
        " --weights {input.weights:q} --shards {input.shards:q} --identity {params.identity:q}"
        " --out {output.score:q} --workers {threads} --threads {threads}"
        " --gpus {resources.gpu} > {log:q} 2>&1"


rule calibration:
    input:
        **SCORES.outputs("classification", NO_MAPS),
        code=code_of("pipeline.evaluation.accuracy.calibration"),
    output:
        **SCORES.outputs("calibration", NO_MAPS),
    log:
        f"{LOGS}/calibration/{MODEL}.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        section=lambda wildcards: params(STUDY.evaluation.calibration),
        identity=SCORES.identity,
    shell:
        "python -m pipeline.evaluation.accuracy.calibration --section {params.section:q}"
        " --predictions {input.score:q} --identity {params.identity:q} --out {output.score:q}"
        " > {log:q} 2>&1"


rule cue_localization:
    input:
        maps=expand(PATHS.maps, split="test", allow_missing=True),
        pairs=PATHS.pairs,
        part_maps=PATHS.part_maps,
        records=expand(PATHS.records, split="test", allow_missing=True),
        code=code_of("pipeline.evaluation.cues.cue_localization"),
    output:
        **SCORES.outputs("cue_localization"),
    log:
        f"{LOGS}/cue_localization/{MODEL}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/cue_localization/{MODEL}/{{method}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
    params:
        section=params(STUDY.evaluation.cue_localization),
        identity=SCORES.identity,
    shell:
        "python -m pipeline.evaluation.cues.cue_localization --section {params.section:q}"
        " --maps {input.maps:q} --pairs {input.pairs:q} --part-maps {input.part_maps:q}"
        " --records {input.records:q} --identity {params.identity:q} --out {output.score:q}"
        " > {log:q} 2>&1"


rule cue_baseline:
    input:
        pairs=PATHS.pairs,
        part_maps=PATHS.part_maps,
        records=expand(PATHS.records, split="test", allow_missing=True),
        code=code_of("pipeline.evaluation.cues.cue_localization"),
    output:
        **SCORES.baseline_outputs("cue_localization"),
    log:
        f"{LOGS}/cue_localization/{{dataset}}/baselines/{{method}}.log",
    wildcard_constraints:
        method="|".join(CUE_BASELINES),
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
    params:
        section=params(STUDY.evaluation.cue_localization),
        identity=SCORES.identity,
    shell:
        "python -m pipeline.evaluation.cues.cue_localization --section {params.section:q}"
        " --baseline {wildcards.method} --pairs {input.pairs:q} --part-maps {input.part_maps:q}"
        " --records {input.records:q} --identity {params.identity:q} --out {output.score:q}"
        " > {log:q} 2>&1"


rule wsol:
    input:
        maps=expand(PATHS.maps, split="test", allow_missing=True),
        records=expand(PATHS.records, split="test", allow_missing=True),
        val_maps=SCORES.val_maps,
        val_records=DATA.val_records,
        code=code_of("pipeline.evaluation.localisation.wsol"),
    output:
        **SCORES.outputs("wsol"),
    log:
        f"{LOGS}/wsol/{MODEL}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/wsol/{MODEL}/{{method}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=6000,
    params:
        section=SCORES.section_of("wsol"),
        identity=SCORES.identity,
        size=lambda wildcards: DATA.of(wildcards).images.eval_size,
        resize=lambda wildcards: DATA.of(wildcards).images.resize,
    shell:
        "python -m pipeline.evaluation.localisation.wsol --section {params.section:q} --maps {input.maps:q}"
        " --records {input.records:q} --val-maps {input.val_maps:q}"
        " --val-records {input.val_records:q} --size {params.size} --resize {params.resize}"
        " --identity {params.identity:q} --out {output.score:q} > {log:q} 2>&1"


rule wsol_baseline:
    input:
        records=expand(PATHS.records, split="test", allow_missing=True),
        val_records=DATA.val_records,
        code=code_of("pipeline.evaluation.localisation.wsol"),
    output:
        **SCORES.baseline_outputs("wsol"),
    log:
        f"{LOGS}/wsol/{{dataset}}/baselines/{{method}}.log",
    wildcard_constraints:
        method="|".join(WSOL_BASELINES),
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=6000,
    params:
        section=SCORES.section_of("wsol"),
        identity=SCORES.identity,
        size=lambda wildcards: DATA.of(wildcards).images.eval_size,
        resize=lambda wildcards: DATA.of(wildcards).images.resize,
    shell:
        "python -m pipeline.evaluation.localisation.wsol --section {params.section:q}"
        " --baseline {wildcards.method} --records {input.records:q}"
        " --val-records {input.val_records:q} --size {params.size} --resize {params.resize}"
        " --identity {params.identity:q} --out {output.score:q} > {log:q} 2>&1"


rule gaze_baseline:
    input:
        records=expand(PATHS.records, split="test", allow_missing=True),
        fixations=PATHS.fixations,
        code=code_of("pipeline.evaluation.gaze.baselines"),
    output:
        **SCORES.baseline_outputs("gaze"),
    log:
        f"{LOGS}/gaze/{{dataset}}/baselines/{{method}}.log",
    wildcard_constraints:
        method="|".join(GAZE_BASELINES),
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
    params:
        section=SCORES.section_of("gaze"),
        identity=SCORES.identity,
        size=lambda wildcards: DATA.of(wildcards).images.eval_size,
        resize=lambda wildcards: DATA.of(wildcards).images.resize,
    shell:
        "python -m pipeline.evaluation.gaze.baselines --section {params.section:q}"
        " --baseline {wildcards.method} --records {input.records:q}"
        " --fixations {input.fixations:q} --size {params.size} --resize {params.resize}"
        " --identity {params.identity:q} --out {output.score:q} > {log:q} 2>&1"


rule measure_maps:
    input:
        weights=MODELS.weights,
        shards=expand(PATHS.shards, split="test", allow_missing=True),
        records=expand(PATHS.records, split="test", allow_missing=True),
        maps=expand(PATHS.maps, split="test", allow_missing=True),
        fixations=SCORES.task_fixations,
        code=lambda wildcards: code_of(*SCORES.task_code(wildcards)),
    output:
        **SCORES.outputs("{task}"),
    log:
        f"{LOGS}/{{task}}/{MODEL}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/{{task}}/{MODEL}/{{method}}.tsv"
    wildcard_constraints:
        task="|".join(OF_MAPS),
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
    params:
        section=SCORES.task_section,
        identity=SCORES.identity,
        resize=lambda wildcards: DATA.of(wildcards).images.resize,
    shell:
        "python -m pipeline.evaluation {wildcards.task} --section {params.section:q}"
        " --weights {input.weights:q} --shards {input.shards:q} --records {input.records:q}"
        " --maps {input.maps:q} --fixations {input.fixations:q} --resize {params.resize}"
        " --identity {params.identity:q} --out {output.score:q} > {log:q} 2>&1"


rule measure:
    input:
        weights=MODELS.weights,
        shards=expand(PATHS.shards, split="test", allow_missing=True),
        records=expand(PATHS.records, split="test", allow_missing=True),
        maps=expand(PATHS.maps, split="test", allow_missing=True),
        base=SCORES.task_base,
        pairs=SCORES.task_pairs,
        fixations=SCORES.task_fixations,
        code=lambda wildcards: code_of(*SCORES.task_code(wildcards))
        + SCORES.task_files(wildcards),
    output:
        **SCORES.outputs("{task}"),
    log:
        f"{LOGS}/{{task}}/{MODEL}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/{{task}}/{MODEL}/{{method}}.tsv"
    wildcard_constraints:
        task="|".join(OF_MODELS),
    conda:
        ENV
    threads: 1
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        section=SCORES.task_section,
        options=SCORES.task_options,
        identity=SCORES.identity,
        resize=lambda wildcards: DATA.of(wildcards).images.resize,
    shell:
        "python -m pipeline.evaluation {wildcards.task} --section {params.section:q}"
        " --options {params.options:q} --weights {input.weights:q} --shards {input.shards:q}"
        " --records {input.records:q} --maps {input.maps:q} --base {input.base:q}"
        " --pairs {input.pairs:q} --fixations {input.fixations:q}"
        " --resize {params.resize} --identity {params.identity:q} --out {output.score:q}"
        " --workers {threads} --threads {threads} --gpus {resources.gpu} > {log:q} 2>&1"


rule erase_random:
    input:
        weights=PATHS.weights,
        shards=expand(PATHS.shards, split="test", allow_missing=True),
        records=expand(PATHS.records, split="test", allow_missing=True),
        code=code_of("pipeline.evaluation", code_of_evaluation("erase_random")),
    output:
        **SCORES.outputs("erase_random", NO_MAPS),
    log:
        f"{LOGS}/erase_random/{MODEL}.log",
    benchmark:
        f"{BENCHMARKS}/erase_random/{MODEL}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        section=lambda wildcards: SCORES.section_of("erase"),
        identity=SCORES.identity,
        resize=lambda wildcards: DATA.of(wildcards).images.resize,
    shell:
        "python -m pipeline.evaluation erase_random --section {params.section:q}"
        " --weights {input.weights:q} --shards {input.shards:q} --records {input.records:q}"
        " --resize {params.resize} --identity {params.identity:q} --out {output.score:q}"
        " --workers {threads} --threads {threads} --gpus {resources.gpu} > {log:q} 2>&1"
