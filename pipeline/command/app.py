"""The commands of ``calm``: their options, help and examples.

What they do stands in a module for each, which is imported when it is asked for: help takes no
longer than it must.
"""

import os
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Group, Parameter

from pipeline.catalogue.layouts import LAYOUTS
from pipeline.datasets.published import PUBLISHED
from pipeline.runtime.errors import UserError

_DESCRIPTION = """\
A study from raw images to tables and figures.

Step by step:
  calm init       the workflow, laid out in a folder of its own
  calm fetch      a published data set, downloaded
  calm check      is all data that the study needs there, and in order?
  calm run        make the study (or go on where it stopped)
  calm status     what is done, running and still to do
  calm table      the results, in the terminal
  calm compare    two models, or two of their maps, on the same images
  calm explain    one image: the prediction, where the model looked, in words

Every command has its own help, with examples: calm explain --help"""

# What goes on to Snakemake as it is.
_Options = Annotated[str, Parameter(show=False, allow_leading_hyphen=True)]
_UNKNOWN = Group("Where the model does not say it itself", sort_key=1)


def _version() -> str:
    try:
        return metadata.version("calm-study")
    except metadata.PackageNotFoundError:
        return "of a checkout that is not installed"


app = App(
    name="calm",
    help=_DESCRIPTION,
    help_epilogue="All of it also works by plain `snakemake`; see docs/command.md.",
    help_format="plaintext",
    version=_version,
)


@app.command(
    help="""\
Lay out the workflow in a folder, to run studies there.

Writes Snakefile, workflow/, config/, profiles/, envs/ and docs/ into a new or empty folder. In a
folder that it laid out before, it brings up to date what you did not edit: do so after an
upgrade.""",
    help_epilogue="""\
examples:
  calm init study     a folder of that name
  calm init .         this folder, which is empty, or was laid out by another version""",
)
def init(
    folder: Annotated[Path, Parameter(name="FOLDER", help="made if it is missing")],
    /,
) -> None:
    """See `pipeline.command.init`."""
    from pipeline.command import init

    init.run(folder)


@app.command(
    help="""\
Download a published data set into the layout that a study reads.

Says what it is, what its terms are and how much it takes, and asks before it begins. Files are
checked by their MD5; what an interrupted download has brought is kept, and the same command goes
on from there. For CUB-200-2011 say by --url where its archives are: its publishers' page has the
addresses.""",
    help_epilogue="""\
examples:
  calm fetch pets                                   Oxford-IIIT Pet, into data/pets
  calm fetch voc --out /scratch/voc --yes           Pascal VOC 2012, without a question
  calm fetch cub --url https://.../CUB_200_2011.tgz --url https://.../segmentations.tgz""",
)
def fetch(
    dataset: Annotated[
        str, Parameter(name="DATASET", help="the data set", choices=list(PUBLISHED))
    ],
    /,
    *,
    url: Annotated[
        tuple[str, ...],
        Parameter(
            help="address of one of its files, ending in its name; may be given several times",
            negative=(),
        ),
    ] = (),
    out: Annotated[
        Path | None,
        Parameter(help="the new folder (default: as in the shipped configs, data/...)"),
    ] = None,
    yes: Annotated[bool, Parameter(name=("--yes", "-y"), help="do not ask", negative=())] = False,
) -> None:
    """See `pipeline.command.fetch`."""
    from pipeline.command import fetch

    fetch.run(dataset, url, out, yes=yes)


@app.command(
    help="""\
Check a study's data sets and weights, or one folder of images, before anything runs.

Reads every list and decodes every image that the config names, and writes nothing. For anything
missing it says where to get it and what the folder should look like.""",
    help_epilogue="""\
examples:
  calm check                      the default study (draws its own images: nothing to fetch)
  calm check config/cub.yaml      CUB-200-2011 and the weights that its models start from
  calm check data/birds           a folder of images, without a config
  calm check --config datasets.synthbirds.draw.size=96
      the default study with another key""",
)
def check(
    named: Annotated[
        str,
        Parameter(name="CONFIG_OR_FOLDER", help="config of a study, or a folder of raw data"),
    ] = "config/config.yaml",
    /,
    *,
    config: Annotated[
        tuple[str, ...],
        Parameter(
            help="KEY=VALUE ...: keys of the config for this check, such as training.lr=0.01",
            consume_multiple=True,
            negative=(),
        ),
    ] = (),
    layout: Annotated[
        str | None,
        Parameter(
            help="of a folder (docs/datasets.md); default: wsol with --metadata, cub where the "
            "folder has images.txt, else folder",
            choices=list(LAYOUTS),
        ),
    ] = None,
    metadata: Annotated[
        str | None, Parameter(help="layout wsol: folder of the benchmark's lists")
    ] = None,
    boxes: Annotated[
        str | None, Parameter(help="layout folder: file of boxes, CSV or COCO JSON")
    ] = None,
    masks: Annotated[str | None, Parameter(help="folder of masks, or COCO JSON")] = None,
    workers: Annotated[
        int, Parameter(help="decoding threads (default: one per core)", show_default=False)
    ] = os.cpu_count() or 1,
) -> None:
    """See `pipeline.command.check`."""
    from pipeline.command import check

    check.run(named, config, workers, layout=layout, metadata=metadata, boxes=boxes, masks=masks)


@app.command(
    help="""\
Run the study, or resume it.

Prints the Snakemake command and becomes it: all options are Snakemake's own (snakemake --help).
Unless you say otherwise it uses all cores. Finished, unchanged outputs are not made again. Keys of
the config may be set for this run: --config training.lr=0.01.""",
    help_epilogue="""\
examples:
  calm run                                      the default study
  calm run --configfile config/cub.yaml         another study
  calm run --configfile config/cub.yaml -n      what would be done, and why (dry run)
  calm run --cores 4 --resources gpu=1          four cores, one GPU
  calm run models                               stop after training; also: datasets, scores
  calm run --config training.lr=0.01            another key of the config
  calm run --workflow-profile profiles/slurm    on a cluster
  calm run --verbose                            all that Snakemake says""",
    usage="calm run [-h] [Snakemake's options and targets ...]",
    version_flags=(),
    end_of_options_delimiter="",
)
def run(*options: _Options) -> None:
    """See `pipeline.command.run`."""
    from pipeline.command import run

    run.run(options)


@app.command(
    help="""\
What is done, running and to do, stage by stage, from Snakemake's own records.

Works while the study runs, and changes nothing. Jobs `to do` have never run; jobs `to redo` have,
but their code, config or inputs have changed since. Other options are passed to Snakemake.""",
    help_epilogue="""\
examples:
  calm status                                    the default study
  calm status --configfile config/cub.yaml       another one
  watch -n 60 calm status                        every minute""",
    version_flags=(),
    end_of_options_delimiter="",
)
def status(
    *options: _Options,
    directory: Annotated[
        Path | None,
        Parameter(name=("--directory", "-d"), help="where the study is (default: this folder)"),
    ] = None,
) -> None:
    """See `pipeline.command.status`."""
    from pipeline.command import status

    status.run(options, directory)


@app.command(
    help="""\
Print a table of results; without a name, list those there are.

Numbers are in percent unless the heading says otherwise, with their interval in brackets and, over
several seeds, their standard deviation. The CSV files have every digit. What does not fit next to
the names stands below them; in a pipe, lines are as long as they need to be.""",
    help_epilogue="""\
examples:
  calm table                                    which tables there are
  calm table cue_localization                   one of them
  calm table cue --results results/cub          part of a name is enough; another study
  calm table cue | less -S                      a wide one""",
)
def table(
    name: Annotated[str | None, Parameter(name="NAME", help="table, or a part of its name")] = None,
    /,
    *,
    results: Annotated[Path, Parameter(help="results folder of the study")] = Path("results"),
) -> None:
    """See `pipeline.command.table`."""
    from pipeline.command import table

    table.run(name, results)


@app.command(
    help="""\
Print how two models, or two of their maps, differ on the same test images.

Every number that was measured for both, and the difference A - B with the interval of the paired
bootstrap (95 %), which resamples the same images for both. A model has the names in its folder
under scores/: data set, architecture and variant, joined by slashes, as many as tell it from the
others; a method after them means that map alone. Where not both sides name a method, maps of the
same method are compared.""",
    help_epilogue="""\
examples:
  calm compare mine other                          two models of your own: predictions and maps
  calm compare mine/gradcam mine/rise              two methods of one model
  calm compare birds/net/calm_em birds/net/cam     two variants, with all names
  calm compare mine other --results results/mine   of another study""",
)
def compare(
    first: Annotated[str, Parameter(name="A", help="a model or map: its names, joined by slashes")],
    second: Annotated[str, Parameter(name="B", help="what it is compared with")],
    /,
    *,
    results: Annotated[Path, Parameter(help="results folder of the study")] = Path("results"),
) -> None:
    """See `pipeline.command.compare`."""
    from pipeline.command import compare

    compare.run(first, second, results)


@app.command(
    help="""\
Explain what a model says about one image.

Prints the prediction with its probability and, for each attribution map, what its values mean;
writes each map as a picture with a colour bar (PNG) and as numbers (HDF5). A CALM model's maps are
probabilities that the cue for the class is at each location. A CAM model's are not, and the text
says so.

The model is one of a study (its weights.safetensors: the names of the classes are found next to
it), or any classifier from elsewhere: timm:NAME, torchvision:NAME, package.module:callable, or a
file of weights whose network is recognised by its tensors. It is explained as it is.""",
    help_epilogue="""\
examples:
  calm explain bird.jpg --weights results/models/DATASET/.../weights.safetensors
      what is it, and where is the cue?
  calm explain dog.jpg --weights W --class afghan_hound --against gazelle_hound
      why an Afghan hound rather than a gazelle hound (a CALM model)?
  calm explain dog.jpg --weights W --superset dog
      where is a cue for any of the dogs of ImageNet?
  calm explain bird.jpg --weights W --superset sparrow
      the same for all classes with "sparrow" in their names
  calm explain dog.jpg --model squeezenet1_0.pth --method cam gradcam
      a file of weights from elsewhere, two methods
  calm explain dog.jpg --model timm:convnext_tiny
      timm's network with timm's weights, which it downloads
  calm explain cell.png --model torchvision:resnet50 --weights W --classes names.txt
      your own training of torchvision's network

in a notebook:
  from pipeline.explain import explain
  explain("bird.jpg", "weights.safetensors", against="House Sparrow")""",
)
def explain(
    image: Annotated[Path, Parameter(name="IMAGE", help="JPEG, PNG or the like")],
    /,
    *,
    model: Annotated[
        str | None,
        Parameter(help="weights file, timm:NAME, torchvision:NAME or package.module:callable"),
    ] = None,
    weights: Annotated[
        str | None,
        Parameter(
            help="file for a model by name (default: the library's own); alone: as --model FILE"
        ),
    ] = None,
    of: Annotated[
        str | None,
        Parameter(
            name="--class", help="class to explain: its name or label (default: the predicted one)"
        ),
    ] = None,
    against: Annotated[
        str | None, Parameter(help="a class: and why not this one, counterfactual")
    ] = None,
    superset: Annotated[str | None, Parameter(help="and the map of a set of classes")] = None,
    method: Annotated[
        tuple[str, ...],
        Parameter(
            help="attribution methods (docs/methods.md; default: joint for CALM, cam for CAM)",
            consume_multiple=True,
            negative=(),
        ),
    ] = (),
    out: Annotated[Path, Parameter(help="folder to write")] = Path("explained"),
    classes: Annotated[
        str | None,
        Parameter(
            help="names of the classes: text, JSON or CSV; or imagenet (docs/own_models.md)",
            group=_UNKNOWN,
        ),
    ] = None,
    layer: Annotated[
        str | None, Parameter(help="at which the Grad-CAM family looks", group=_UNKNOWN)
    ] = None,
    size: Annotated[
        int | None, Parameter(help="side of the model's images, pixels", group=_UNKNOWN)
    ] = None,
    resize: Annotated[
        Literal["square", "short_side"] | None,
        Parameter(
            help="the whole image squeezed (default of a study), or its centre (of other models)",
            group=_UNKNOWN,
        ),
    ] = None,
) -> None:
    """See `pipeline.command.explain`."""
    from pipeline.command import explain

    explain.run(
        image,
        model=model,
        weights=weights,
        of=of,
        against=against,
        superset=superset,
        methods=method,
        out=out,
        classes=classes,
        layer=layer,
        size=size,
        resize=resize,
    )


@app.command(
    name="--install-completion",
    help="Have this shell complete the commands and options of calm.",
)
def install_completion(
    shell: Annotated[
        Literal["bash", "zsh", "fish"] | None,
        Parameter(name="SHELL", help="default: the one that this command is typed in"),
    ] = None,
    /,
) -> None:
    """Write the shell's script, and have the shell's start-up file read it."""
    from cyclopts.completion.detect import ShellDetectionError

    try:
        written = app.install_completion(shell=shell)
    except ShellDetectionError as error:
        raise UserError("Which shell? calm --install-completion bash, zsh or fish.") from error
    print(f"{written} is written. Commands are completed in every new shell.")
