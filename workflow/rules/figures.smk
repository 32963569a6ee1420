# Stage 8, figures of the first seed: histories, ledgers, scores, images and maps -> pictures.
#   what a figure shows -> figures/{dataset}/{architecture}/{figure}.{png,svg}
# FigureInputs (pipeline/study/inputs/figures.py) says which figures a study has, and what each needs.
rule figure:
    input:
        unpack(FIGURES.files),
        code=lambda wildcards: code_of(*figure_code(wildcards)),
    output:
        report(
            f"{PATHS.figure}.png",
            caption="../report/figure.rst",
            category="Figures",
            labels={
                "figure": "{figure}",
                "data": "{dataset}",
                "model": "{architecture}",
            },
        ),
        f"{PATHS.figure}.svg",
    log:
        f"{LOGS}/figures/{{dataset}}/{{architecture}}/{{figure}}.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
    params:
        section=FIGURES.section(),
        kind=lambda wildcards: wildcards.figure.partition(".")[0],
        values=FIGURES.arguments,
        # not tracked, because it is computed from the input, which is tracked
        files=lambda wildcards, input: options(FIGURES.files(wildcards)),
    shell:
        "python -m pipeline.figures {params.kind:q} --section {params.section:q}"
        " {params.files:q} {params.values:q} --out {output:q} > {log:q} 2>&1"
