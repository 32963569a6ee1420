# Stage 3, cues: attributes, keypoints and foreground -> class pairs and a part map of each image.
#   raw folder, datasets/{dataset}/test.parquet -> cues/{dataset}/{pairs.csv,part_maps.h5,check.json}
#   without attributes, `class_pairs`           -> cues/{dataset}/{pairs.csv,check.json}
rule cues:
    input:
        raw=DATA.raw,
        records=expand(PATHS.records, split="test", allow_missing=True),
        classes=PATHS.classes,
        code=code_of("pipeline.cues"),
    output:
        pairs=PATHS.pairs,
        maps=PATHS.part_maps,
        check=PATHS.cue_check,
    log:
        f"{LOGS}/cues/{{dataset}}.log",
    wildcard_constraints:
        dataset=DATA.with_cues(),
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        section=params(STUDY.cues),
        # only checked, so not tracked: other pairs in the figures make no cues anew
        named=lambda wildcards, threads: DATA.named_pairs(wildcards),
        root=DATA.root,
        size=lambda wildcards: DATA.of(wildcards).images.eval_size,
        resize=lambda wildcards: DATA.of(wildcards).images.resize,
    shell:
        "python -m pipeline.cues --section {params.section:q} --root {params.root:q}"
        " --records {input.records:q} --classes {input.classes:q} --size {params.size}"
        " --resize {params.resize} --named {params.named:q} --pairs-out {output.pairs:q}"
        " --maps-out {output.maps:q} --check-out {output.check:q} > {log:q} 2>&1"


rule named_pairs:
    input:
        classes=PATHS.classes,
        code=code_of("pipeline.cues.named_pairs"),
    output:
        pairs=PATHS.pairs,
        check=PATHS.cue_check,
    log:
        f"{LOGS}/cues/{{dataset}}.log",
    wildcard_constraints:
        dataset=DATA.without_cues(),
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=500,
    params:
        named=DATA.named_pairs,
    shell:
        "python -m pipeline.cues.named_pairs --named {params.named:q} --classes {input.classes:q}"
        " --pairs-out {output.pairs:q} --check-out {output.check:q} > {log:q} 2>&1"
