# From raw images to the tables and figures of an attribution study.
#   snakemake --cores all                                    the default study (SynthBirds, CPU)
#   snakemake --cores all --configfile config/cub.yaml       CUB-200-2011
# Stages, one file each; every file opens with its contract: inputs -> outputs.
from snakemake.utils import min_version

min_version("9.27")


# A config on the command line is the whole study. Without this condition Snakemake would merge it
# into the default one, and run that study too.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/shards.smk"
include: "workflow/rules/cues.smk"
include: "workflow/rules/supersets.smk"
include: "workflow/rules/search_inputs.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/attribute_inputs.smk"
include: "workflow/rules/attribute.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report_inputs.smk"
include: "workflow/rules/figure_inputs.smk"
include: "workflow/rules/figures_of_scores.smk"
include: "workflow/rules/figures_of_maps.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        f"{RESULTS}/report.html",


# Named targets: stop after a stage.
rule datasets:
    input:
        expand(f"{RESULTS}/datasets/{{dataset}}/test.parquet", dataset=STUDY.datasets),


rule search:
    input:
        [f"{SEARCH}/ledger.csv".format(**names) for names in SEARCHED],


rule models:
    input:
        [WEIGHTS.format(**names) for names in model_names(STUDY.models())],


rule scores:
    input:
        all_scores(),
