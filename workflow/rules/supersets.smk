# Stage 4, supersets: the classes whose maps are summed for localisation.
#   datasets/{dataset}/classes.csv (+ WordNet's is-a edges) -> supersets/{dataset}.json
rule supersets:
    input:
        classes=PATHS.classes,
        code=code_of("pipeline.supersets"),
    output:
        PATHS.supersets,
    log:
        f"{LOGS}/supersets/{{dataset}}.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=500,
    params:
        section=lambda wildcards: params(DATA.of(wildcards).supersets),
    shell:
        "python -m pipeline.supersets --section {params.section:q} --classes {input.classes:q}"
        " --out {output:q} > {log:q} 2>&1"
