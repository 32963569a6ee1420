# From raw images to the tables and figures of an attribution study.
#   snakemake --cores all                                    the default study (SynthBirds, CPU)
#   snakemake --cores all --configfile config/cub.yaml       CUB-200-2011
# The stages and the named targets are listed in workflow/Snakefile.
include: "workflow/Snakefile"


workflow.default_target = "all"  # Snakemake takes none from a file that is included
