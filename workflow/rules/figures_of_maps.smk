# Stage 8, pictures of the first seed: images with their maps -> figures.
#   images and maps (+ part maps, pairs) -> figures/{dataset}/{architecture}/
#                                           {gallery,gallery.{variant},counterfactual,kinds}
#   weights, test shards (WordNet)       -> .../superset_depth
# Each is a .png and an .svg; figure_inputs.smk says which ones a study has.
rule figure_gallery:
    input:
        shards=f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        classes=f"{RESULTS}/datasets/{{dataset}}/classes.csv",
        part_maps=part_maps_of,
        maps=map_files(gallery_names),
        code=figure_code("gallery"),
    output:
        report(
            f"{FIGURES}/gallery.png",
            caption="../report/gallery.rst",
            category="Maps",
            labels={
                "figure": "gallery",
                "data": "{dataset}",
                "model": "{architecture}",
            },
        ),
        f"{FIGURES}/gallery.svg",
    log:
        f"{RESULTS}/logs/figures/{{dataset}}/{{architecture}}/gallery.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        section=study_config.params(STUDY.report),
        names=gallery_names,
        resize=lambda wildcards: dataset_of(wildcards).images.resize,
        title=figure_title,
    shell:
        "python -m pipeline.figures gallery --section {params.section:q} --shards {input.shards:q}"
        " --resize {params.resize} --records {input.records:q} --classes {input.classes:q}"
        " --part-maps {input.part_maps:q} --names {params.names:q}"
        " --maps {input.maps:q} --title {params.title:q} --out {output:q} > {log:q} 2>&1"


rule figure_gallery_of_variant:
    input:
        shards=f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        classes=f"{RESULTS}/datasets/{{dataset}}/classes.csv",
        part_maps=part_maps_of,
        maps=map_files(every_name),
        code=figure_code("gallery"),
    output:
        report(
            f"{FIGURES}/gallery.{{variant}}.png",
            caption="../report/gallery.rst",
            category="Maps",
            labels={
                "figure": "gallery of {variant}",
                "data": "{dataset}",
                "model": "{architecture}",
            },
        ),
        f"{FIGURES}/gallery.{{variant}}.svg",
    log:
        f"{RESULTS}/logs/figures/{{dataset}}/{{architecture}}/gallery.{{variant}}.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        section=study_config.params(STUDY.report),
        names=every_name,
        resize=lambda wildcards: dataset_of(wildcards).images.resize,
        title=lambda wildcards: f"{figure_title(wildcards)}: {wildcards.variant}",
    shell:
        "python -m pipeline.figures gallery --every-method --section {params.section:q}"
        " --shards {input.shards:q} --resize {params.resize} --records {input.records:q}"
        " --classes {input.classes:q} --part-maps {input.part_maps:q} --names {params.names:q}"
        " --maps {input.maps:q} --title {params.title:q} --out {output:q} > {log:q} 2>&1"


rule figure_counterfactual:
    input:
        shards=f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        classes=f"{RESULTS}/datasets/{{dataset}}/classes.csv",
        pairs=f"{RESULTS}/cues/{{dataset}}/pairs.csv",
        part_maps=f"{RESULTS}/cues/{{dataset}}/part_maps.h5",
        maps=map_files(difference_names),
        code=figure_code("counterfactual"),
    output:
        report(
            f"{FIGURES}/counterfactual.png",
            caption="../report/counterfactual.rst",
            category="Maps",
            labels={
                "figure": "counterfactual",
                "data": "{dataset}",
                "model": "{architecture}",
            },
        ),
        f"{FIGURES}/counterfactual.svg",
    log:
        f"{RESULTS}/logs/figures/{{dataset}}/{{architecture}}/counterfactual.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        section=study_config.params(STUDY.report),
        names=difference_names,
        title=figure_title,
    shell:
        "python -m pipeline.figures counterfactual --section {params.section:q}"
        " --shards {input.shards:q} --records {input.records:q} --classes {input.classes:q}"
        " --pairs {input.pairs:q}"
        " --part-maps {input.part_maps:q} --names {params.names:q} --maps {input.maps:q}"
        " --title {params.title:q} --out {output:q} > {log:q} 2>&1"


rule figure_kinds:
    input:
        shards=f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        classes=f"{RESULTS}/datasets/{{dataset}}/classes.csv",
        maps=map_files(kinds_names),
        code=figure_code("kinds"),
    output:
        report(
            f"{FIGURES}/kinds.png",
            caption="../report/kinds.rst",
            category="Maps",
            labels={
                "figure": "kinds of maps",
                "data": "{dataset}",
                "model": "{architecture}",
            },
        ),
        f"{FIGURES}/kinds.svg",
    log:
        f"{RESULTS}/logs/figures/{{dataset}}/{{architecture}}/kinds.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=2000,
    params:
        section=study_config.params(STUDY.report),
        kinds=lambda wildcards: [name.split("/")[1] for name in kinds_names(wildcards)],
        title=lambda wildcards: (
            f"{figure_title(wildcards)}: {kinds_names(wildcards)[0].split('/')[0]}"
        ),
    shell:
        "python -m pipeline.figures kinds --section {params.section:q} --shards {input.shards:q}"
        " --records {input.records:q} --classes {input.classes:q} --kinds {params.kinds:q}"
        " --maps {input.maps:q} --title {params.title:q} --out {output:q} > {log:q} 2>&1"


rule figure_superset_depth:
    input:
        weights=depth_weights,
        shards=f"{RESULTS}/shards/{{dataset}}/test/manifest.json",
        records=f"{RESULTS}/datasets/{{dataset}}/test.parquet",
        classes=f"{RESULTS}/datasets/{{dataset}}/classes.csv",
        supersets=f"{RESULTS}/supersets/{{dataset}}.json",
        code=figure_code(
            "superset_depth",
            "pipeline.attribution.methods.calm",
            "pipeline.attribution.methods.cam",
        ),
    output:
        report(
            f"{FIGURES}/superset_depth.png",
            caption="../report/superset_depth.rst",
            category="Maps",
            labels={
                "figure": "supersets by depth",
                "data": "{dataset}",
                "model": "{architecture}",
            },
        ),
        f"{FIGURES}/superset_depth.svg",
    log:
        f"{RESULTS}/logs/figures/{{dataset}}/{{architecture}}/superset_depth.log",
    conda:
        ENV
    threads: 1
    resources:
        mem_mb=4000,
    params:
        section=study_config.params(STUDY.report),
        is_a=lambda wildcards: dataset_of(wildcards).supersets.is_a or [],
        title=lambda wildcards: (
            f"{figure_title(wildcards)}: {depth_variant(wildcards)}"
        ),
    shell:
        "python -m pipeline.figures superset_depth --section {params.section:q}"
        " --weights {input.weights:q} --shards {input.shards:q} --records {input.records:q}"
        " --classes {input.classes:q} --supersets {input.supersets:q} --is-a {params.is_a:q}"
        " --title {params.title:q} --threads {threads} --out {output:q} > {log:q} 2>&1"
