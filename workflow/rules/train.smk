# Stage 5, train: one model a (data set, architecture, variant, seed).
#   shards of train and val (+ weights to start from) -> models/{model}/weights.safetensors,
#   history.csv, metrics.json, section.json
# Checkpoints are no output: Snakemake would delete them with a failed job, and they are what an
# interrupted training goes on from.
def init_weights(wildcards):
    """The file behind the trunk's `weights`: a model of this study, a path, or nothing."""
    weights = STUDY.architectures[wildcards.architecture].weights
    if weights.startswith("model:"):
        dataset, architecture, variant = weights.removeprefix("model:").split("/")
        seeds = STUDY.datasets[dataset].seeds or STUDY.seeds
        seed = int(wildcards.seed)
        return WEIGHTS.format(
            dataset=dataset,
            architecture=architecture,
            variant=variant,
            seed=seed if seed in seeds else seeds[0],
        )
    if weights == "none" or weights.startswith("torchvision:"):
        return []
    return weights if os.path.exists(weights) else []


rule train:
    input:
        train=f"{RESULTS}/shards/{{dataset}}/train/manifest.json",
        val=f"{RESULTS}/shards/{{dataset}}/val/manifest.json",
        classes=f"{RESULTS}/datasets/{{dataset}}/classes.csv",
        init=init_weights,
        code=code_of("pipeline.train"),
    output:
        multiext(
            f"{RESULTS}/models/{MODEL}/",
            "weights.safetensors",
            "history.csv",
            "metrics.json",
            "section.json",
        ),
    params:
        section=lambda wildcards: study_config.params(STUDY.train_job(*wildcards)),
        attributes=lambda wildcards: os.path.join(
            root_of(wildcards), "attributes/class_attribute_labels_continuous.txt"
        ),
        out=lambda wildcards: f"{RESULTS}/models/{MODEL}".format(**wildcards),
        checkpoints=f"{RESULTS}/checkpoints",
    log:
        f"{RESULTS}/logs/train/{MODEL}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{MODEL}.tsv"
    conda:
        ENV
    threads: 2
    resources:
        gpu=1,
        mem_mb=8000,
    shell:
        "python -m pipeline.train --section {params.section:q} --train-shards {input.train:q}"
        " --val-shards {input.val:q} --classes {input.classes:q} --init-weights {input.init:q}"
        " --attributes {params.attributes:q} --checkpoints {params.checkpoints:q}"
        " --out {params.out:q} --workers {threads} --threads {threads}"
        " --gpus {resources.gpu} > {log:q} 2>&1"
