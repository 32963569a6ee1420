# Stage 5, train: one model for each data set, architecture, variant and seed.
#   shards of train and val (+ weights to start from, + the keys that a search found)
#     -> models/{model}/weights.safetensors, history.csv, metrics.json, section.json
#   a model from elsewhere, with its file of weights if it has one
#     -> the same without a history: nothing is trained
# Checkpoints are not declared as outputs: Snakemake would delete them with a failed job, and they are what an
# interrupted training goes on from.
# With `--set-resources train:gpu=4` it starts one process per GPU itself (docs/several_gpus.md).
rule train:
    input:
        train=MODELS.train_shards,
        val=MODELS.val_shards,
        classes=PATHS.classes,
        init=MODELS.weights_to_start_from,
        overrides=MODELS.found_keys,
        code=lambda wildcards: code_of(
            "pipeline.training", *MODELS.training(wildcards).code
        ),
    output:
        PATHS.weights,
        PATHS.history,
        PATHS.metrics,
        PATHS.training_section,
    log:
        f"{LOGS}/train/{MODEL}.log",
    benchmark:
        f"{BENCHMARKS}/train/{MODEL}.tsv"
    wildcard_constraints:
        architecture=MODELS.trained(),
    conda:
        ENV
    threads: STUDY.cpu_threads
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        section=MODELS.train_section,
        attributes=DATA.attributes,
        out=PATHS.model,
        checkpoints=PATHS.checkpoints,
        cpu_threads=STUDY.cpu_threads,
        # Snakemake does not track params that ask for threads: to watch a training retrains nothing
        tensorboard=lambda wildcards, threads: (
            fill(PATHS.tensorboard, wildcards) if STUDY.tensorboard else []
        ),
    shell:
        "python -m pipeline.training --section {params.section:q} --train-shards {input.train:q}"
        " --val-shards {input.val:q} --classes {input.classes:q} --init-weights {input.init:q}"
        " --overrides {input.overrides:q} --attributes {params.attributes:q}"
        " --checkpoints {params.checkpoints:q} --tensorboard {params.tensorboard:q}"
        " --out {params.out:q} --workers {threads} --threads {params.cpu_threads:q}"
        " --gpus {resources.gpu} > {log:q} 2>&1"


# A model from elsewhere is opened, checked and kept as a weights file like those of trainings.
rule keep_given:
    input:
        files=MODELS.given_files,
        classes=PATHS.classes,
        code=code_of("pipeline.training.given"),
    output:
        PATHS.weights,
        PATHS.metrics,
        PATHS.training_section,
    log:
        f"{LOGS}/train/{MODEL}.log",
    wildcard_constraints:
        architecture=MODELS.given(),
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=8000,
    params:
        section=MODELS.given_section,
        out=PATHS.model,
    shell:
        "python -m pipeline.training.given --section {params.section:q}"
        " --classes {input.classes:q} --files {input.files:q} --out {params.out:q} > {log:q} 2>&1"
