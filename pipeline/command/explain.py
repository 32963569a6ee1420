"""``calm explain``: one image, the prediction, where the model looked, and what that means."""

import argparse
from pathlib import Path

from pipeline.runtime.errors import UserError

DESCRIPTION = """\
Explain what a model says about one image.

Prints the prediction with its probability and, for each attribution map, what its values mean;
writes each map as a picture with a colour bar (PNG) and as numbers (HDF5). A CALM model's maps are
probabilities that the cue for the class is at each location. A CAM model's are not, and the text
says so.

The model is one of a study (its weights.safetensors: the names of the classes are found next to
it), or any classifier from elsewhere: timm:NAME, torchvision:NAME, package.module:callable, or a
file of weights whose network is recognised by its tensors. It is explained as it is."""

EXAMPLES = """\
  calm explain bird.jpg --weights \\
      results/models/synthbirds/small_pretrained/calm_em/seed0/weights.safetensors
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
  calm explain cell.png --model torchvision:resnet50 --weights best.ckpt --classes names.txt
      your own training of torchvision's network

in a notebook:
  from pipeline.explain import explain
  explain("bird.jpg", "weights.safetensors", against="House Sparrow")"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own."""
    parser.add_argument("image", type=Path, metavar="IMAGE", help="JPEG, PNG or the like")
    parser.add_argument(
        "--model",
        help="weights file, timm:NAME, torchvision:NAME or package.module:callable",
    )
    parser.add_argument(
        "--weights",
        help="file for a model by name (default: the library's own); alone: as --model FILE",
    )
    parser.add_argument(
        "--class",
        dest="of",
        metavar="CLASS",
        help="class to explain: its name or label (default: the predicted one)",
    )
    parser.add_argument("--against", metavar="CLASS", help="and why not this one: counterfactual")
    parser.add_argument("--superset", metavar="NAME", help="and the map of a set of classes")
    parser.add_argument(
        "--method",
        nargs="+",
        default=[],
        help="attribution methods (docs/methods.md; default: joint for CALM, cam for CAM)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("explained"), help="folder to write (default: %(default)s)"
    )
    model = parser.add_argument_group("where the model does not say it itself")
    model.add_argument(
        "--classes",
        metavar="FILE",
        help="names of the classes: text, JSON or CSV; or imagenet (docs/own_models.md)",
    )
    model.add_argument("--layer", help="at which the Grad-CAM family looks")
    model.add_argument("--size", type=int, help="side of the model's images, pixels")
    model.add_argument(
        "--resize",
        choices=("square", "short_side"),
        help="the whole image squeezed (default of a study), or its centre (of other models)",
    )


def run(given: argparse.Namespace) -> None:
    """Explain the image, print the words and write the maps.

    Raises:
        UserError: the image or the weights cannot be read, or a name is unknown.
    """
    if not (given.model or given.weights):
        raise UserError("Give the model: --model FILE, or --model timm:NAME.")
    from pipeline.explain import explain, open_model

    model = open_model(
        given.model or given.weights,
        given.weights if given.model else None,
        classes=given.classes,
        side=given.size,
        resize=given.resize,
        layer=given.layer,
    )
    explanation = explain(
        given.image,
        model,
        of=given.of,
        against=given.against,
        superset=given.superset,
        methods=given.method,
    )
    print(f"{model.title} ({model.source})")
    print(explanation.text)
    written = explanation.save(given.out)
    print("\nwritten:")
    for path in written:
        print(f"  {path}")
