# Stage 3, cues: attributes, keypoints and foreground -> class pairs and one part map an image.
#   raw folder, datasets/{dataset}/test.parquet -> cues/{dataset}/{pairs.csv,part_maps.h5,check.json}
rule cues:
    input:
        raw=raw_inputs,
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        classes=f"{RESULTS}/datasets/{{dataset}}/classes.csv",
        code=code_of("pipeline.cues"),
    output:
        pairs=f"{RESULTS}/cues/{{dataset}}/pairs.csv",
        maps=f"{RESULTS}/cues/{{dataset}}/part_maps.h5",
        check=f"{RESULTS}/cues/{{dataset}}/check.json",
    log:
        f"{RESULTS}/logs/cues/{{dataset}}.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        section=study_config.params(STUDY.cues),
        root=root_of,
        size=lambda wildcards: dataset_of(wildcards).images.eval_size,
        resize=lambda wildcards: dataset_of(wildcards).images.resize,
    shell:
        "python -m pipeline.cues --section {params.section:q} --root {params.root:q}"
        " --records {input.records:q} --classes {input.classes:q} --size {params.size}"
        " --resize {params.resize} --pairs-out {output.pairs:q} --maps-out {output.maps:q}"
        " --check-out {output.check:q} > {log:q} 2>&1"
