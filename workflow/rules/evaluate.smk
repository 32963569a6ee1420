# Stage 7, evaluate: scores with intervals, and per-image results beside them.
#   weights, test shards                -> scores/classification/{model}/model.{json,npz}
#   maps, part maps, pairs              -> scores/cues/{model}/{method}.{json,npz}
#   maps, boxes in the records          -> scores/wsol/{model}/{method}.{json,npz}
#   the same without a model            -> scores/{cues,wsol}/{dataset}/baselines/{baseline}.{json,npz}
SCORES = f"{RESULTS}/scores"
CUE_METHODS = ("cam", "joint", "conditional", "posterior")  # maps of a class
CUE_BASELINES = ("chance", "always_head")
WSOL_BASELINES = ("center_gaussian",)


def all_scores():
    """Every score of the study."""
    scores = []
    for names in model_names(STUDY.studied_models()):
        model = MODEL.format(**names)
        scores.append(f"{SCORES}/classification/{model}/model.json")
        for method in STUDY.methods_of(names["dataset"], names["variant"]):
            if method in CUE_METHODS and STUDY.datasets[names["dataset"]].cues:
                scores.append(f"{SCORES}/cues/{model}/{method}.json")
            if method != "counterfactual":
                scores.append(f"{SCORES}/wsol/{model}/{method}.json")
    for dataset in dict.fromkeys(model[0] for model in STUDY.studied_models()):
        if STUDY.datasets[dataset].cues:
            scores += [f"{SCORES}/cues/{dataset}/baselines/{b}.json" for b in CUE_BASELINES]
        scores += [f"{SCORES}/wsol/{dataset}/baselines/{b}.json" for b in WSOL_BASELINES]
    return scores


rule classification:
    input:
        weights=WEIGHTS,
        shards=f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
        code=code_of("pipeline.evaluation.classification"),
    output:
        score=f"{SCORES}/classification/{MODEL}/model.json",
        images=f"{SCORES}/classification/{MODEL}/model.npz",
    params:
        section=study_config.params(STUDY.evaluation.classification),
        identity=identity_of,
    log:
        f"{RESULTS}/logs/classification/{MODEL}.log",
    conda:
        ENV
    threads: 2
    resources:
        gpu=1,
        mem_mb=8000,
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
    params:
        section=study_config.params(STUDY.evaluation.cues),
        identity=identity_of,
    log:
        f"{RESULTS}/logs/cues/{MODEL}/{{method}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/cues/{MODEL}/{{method}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
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
    wildcard_constraints:
        method="|".join(CUE_BASELINES),
    params:
        section=study_config.params(STUDY.evaluation.cues),
        identity=identity_of,
    log:
        f"{RESULTS}/logs/cues/{{dataset}}/baselines/{{method}}.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
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
    params:
        section=study_config.params(STUDY.evaluation.wsol),
        identity=identity_of,
        size=lambda wildcards: dataset_of(wildcards).images.eval_size,
    log:
        f"{RESULTS}/logs/wsol/{MODEL}/{{method}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/wsol/{MODEL}/{{method}}.tsv"
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "python -m pipeline.evaluation.wsol --section {params.section:q} --maps {input.maps:q}"
        " --records {input.records:q} --size {params.size} --identity {params.identity:q}"
        " --out {output.score:q} > {log:q} 2>&1"


rule wsol_baseline:
    input:
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        code=code_of("pipeline.evaluation.wsol"),
    output:
        score=f"{SCORES}/wsol/{{dataset}}/baselines/{{method}}.json",
        images=f"{SCORES}/wsol/{{dataset}}/baselines/{{method}}.npz",
    wildcard_constraints:
        method="|".join(WSOL_BASELINES),
    params:
        section=study_config.params(STUDY.evaluation.wsol),
        identity=identity_of,
        size=lambda wildcards: dataset_of(wildcards).images.eval_size,
    log:
        f"{RESULTS}/logs/wsol/{{dataset}}/baselines/{{method}}.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
    shell:
        "python -m pipeline.evaluation.wsol --section {params.section:q}"
        " --baseline {wildcards.method} --records {input.records:q} --size {params.size}"
        " --identity {params.identity:q} --out {output.score:q} > {log:q} 2>&1"
