# Stage 3, cues: attributes, keypoints and foreground -> class pairs and a part map of each image.
#   raw folder, datasets/{dataset}/test.parquet -> cues/{dataset}/{pairs.csv,part_maps.h5,check.json}
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
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        section=params(STUDY.cues),
        root=DATA.root,
        size=lambda wildcards: DATA.of(wildcards).images.eval_size,
        resize=lambda wildcards: DATA.of(wildcards).images.resize,
    shell:
        "python -m pipeline.cues --section {params.section:q} --root {params.root:q}"
        " --records {input.records:q} --classes {input.classes:q} --size {params.size}"
        " --resize {params.resize} --pairs-out {output.pairs:q} --maps-out {output.maps:q}"
        " --check-out {output.check:q} > {log:q} 2>&1"
