# After the report, only where the config has `trackers`: results -> an experiment tracker.
#   config, scores, report.html, -> tracked/{tracker}.json: what finds them again
#   tables, figures                 in MLflow or Weights & Biases
rule track:
    input:
        scores=SCORES.all(),
        files=[PATHS.report, *REPORT.table_files(), *REPORT.figures()],
        code=code_of("pipeline.tracking"),
    output:
        PATHS.tracked,
    log:
        f"{LOGS}/track/{{tracker}}.log",
    localrule: True  # nodes of a cluster may reach no server
    conda:
        "../../envs/trackers.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        section=REPORT.tracker_section,
        study=lambda wildcards: params(STUDY),
        results=lambda wildcards, input: os.path.dirname(input.files[0]),
    shell:
        "python -m pipeline.tracking --tracker {wildcards.tracker} --section {params.section:q}"
        " --study {params.study:q} --results {params.results:q} --scores {input.scores:q}"
        " --files {input.files:q} --out {output:q} > {log:q} 2>&1"
