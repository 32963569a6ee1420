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
include: "workflow/rules/search.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/attribute.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/track.smk"


rule all:
    default_target: True
    input:
        PATHS.report,
        REPORT.tracked(),


# Named targets: stop after a stage.
rule datasets:
    input:
        expand(PATHS.records, dataset=STUDY.datasets, split="test"),


rule search:
    input:
        [fill(PATHS.ledger, names) for names in MODELS.searched()],


rule models:
    input:
        MODELS.all(),


rule scores:
    input:
        SCORES.all(),
