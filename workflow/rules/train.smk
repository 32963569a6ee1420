# Stage 5, train: one model a (data set, architecture, variant, seed).
#   shards of train and val (+ weights to start from, + the keys that a search found)
#     -> models/{model}/weights.safetensors, history.csv, metrics.json, section.json
# Checkpoints are no output: Snakemake would delete them with a failed job, and they are what an
# interrupted training goes on from.
# With `--set-resources train:gpu=4` it starts a process a GPU itself (docs/several_gpus.md).
rule train:
    input:
        train=training_shards("train"),
        val=training_shards("val"),
        classes=f"{RESULTS}/datasets/{{dataset}}/classes.csv",
        init=init_weights,
        overrides=found_keys,
        code=training_code,
    output:
        multiext(
            f"{RESULTS}/models/{MODEL}/",
            "weights.safetensors",
            "history.csv",
            "metrics.json",
            "section.json",
        ),
    log:
        f"{RESULTS}/logs/train/{MODEL}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{MODEL}.tsv"
    conda:
        ENV
    threads: STUDY.cpu_threads
    resources:
        gpu=1,
        mem_mb=8000,
    params:
        section=lambda wildcards: study_config.params(STUDY.train_job(*wildcards)),
        attributes=lambda wildcards: os.path.join(
            root_of(wildcards), "attributes/class_attribute_labels_continuous.txt"
        ),
        out=lambda wildcards: f"{RESULTS}/models/{MODEL}".format(**wildcards),
        checkpoints=f"{RESULTS}/checkpoints",
        cpu_threads=STUDY.cpu_threads,
        # Snakemake does not track params that ask for threads: to watch a training retrains nothing
        tensorboard=lambda wildcards, threads: (
            f"{RESULTS}/tensorboard/{MODEL}".format(**wildcards)
            if STUDY.tensorboard
            else []
        ),
    shell:
        "python -m pipeline.training --section {params.section:q} --train-shards {input.train:q}"
        " --val-shards {input.val:q} --classes {input.classes:q} --init-weights {input.init:q}"
        " --overrides {input.overrides:q} --attributes {params.attributes:q}"
        " --checkpoints {params.checkpoints:q} --tensorboard {params.tensorboard:q}"
        " --out {params.out:q} --workers {threads} --threads {params.cpu_threads:q}"
        " --gpus {resources.gpu} > {log:q} 2>&1"
