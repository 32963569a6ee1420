"""The model that explains an image, with its classes and the way it wants its images."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image

from pipeline.artefacts.files import read_json, sha256
from pipeline.explain.names import IMAGENET_CLASSES, Classes
from pipeline.models import build_classifier, load_model
from pipeline.models.checkpoint_files import fitted
from pipeline.models.classifier import Classifier
from pipeline.models.pretrained import read_weights
from pipeline.models.trunks import TRUNKS
from pipeline.runtime.errors import UserError
from pipeline.settings import Training, TrainJob
from pipeline.sharding.writing import resize

IMAGENET = 1000  # classes
_PUBLISHED = "torchvision:"
_USABLE = tuple(name for name, trunk in TRUNKS.items() if trunk.classifier)


@dataclass(frozen=True, repr=False)
class ExplainedModel:
    """A model as `explain` needs it.

    Attributes:
        source: file or name of the weights.
        classifier: in evaluation mode, on the CPU.
        classes: of the classifier, in its order.
        side: of the square that its images are resized to, pixels.
        resize: which part of an image is that square, see :class:`pipeline.settings.Images`.
    """

    source: str
    classifier: Classifier
    classes: Classes
    side: int
    resize: str

    def __repr__(self) -> str:
        return f"<ExplainedModel {self.title} ({self.source})>"

    def resized(self, image: Image.Image) -> Image.Image:
        """The square of ``side`` pixels that the model sees of an image."""
        return resize(image, self.side, self.resize)

    @property
    def title(self) -> str:
        """Method, trunk and number of classes, for people."""
        job = self.classifier.job
        return f"{job.training.method} on {job.trunk}, {len(self.classes)} classes"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file of weights; empty for weights that torchvision keeps."""
        return "" if self.source.startswith(_PUBLISHED) else sha256(self.source)


def open_model(
    weights: str | Path,
    *,
    trunk: str | None = None,
    classes: str | Path | None = None,
    side: int | None = None,
    resize: str | None = None,
) -> ExplainedModel:
    """Open weights of a study, or those that torchvision publishes of a trunk (as a CAM model).

    Args:
        weights: ``weights.safetensors`` of a study; a PyTorch state dict of torchvision's network
            (``.pth``); or ``torchvision:NAME`` (downloaded once).
        trunk: of a state dict whose file is not named after it, e.g. ``"resnet50"``.
        classes: classes.csv with the names; by default that of the study around the weights, and
            ImageNet's for a state dict of 1000 classes.
        side: of the images, pixels; by default as the study stored its test images, else 224.
        resize: ``"square"`` (the whole image, the default of a study) or ``"short_side"`` (the
            centre of it, the default of a state dict).

    Raises:
        UserError: the weights are missing, broken, fit no trunk, or predict no classes; or they
            have more or fewer classes than the list of names.
    """
    source = str(weights)
    if source.endswith(".safetensors"):
        classifier = load_model(source)
        study = _Study(Path(source))
        stored, resize = study.side, resize or "square"
        names = Path(classes) if classes else study.classes
        groups = study.supersets
    else:
        classifier = _published(source, trunk)
        stored, resize = None, resize or "short_side"
        names = Path(classes) if classes else None
        if names is None and classifier.num_classes == IMAGENET:
            names = IMAGENET_CLASSES
        groups = None
    if classifier.kind == "attributes":
        raise UserError(f"{source} predicts attributes, not classes. Choose a CAM or CALM model.")
    found = Classes.read(names, groups) if names else Classes.numbered(classifier.num_classes)
    if len(found) != classifier.num_classes:
        raise UserError(
            f"{source} knows {classifier.num_classes} classes, but {names} lists {len(found)}. "
            "Give the list of its own classes: --classes FILE."
        )
    classifier.requires_grad_(False)
    side = side or stored or classifier.job.training.crop
    return ExplainedModel(source, classifier, found, side, resize)


class _Study:
    """What lies around the weights of a study, results/models/DATASET/.../weights.safetensors."""

    def __init__(self, weights: Path) -> None:
        folders = weights.absolute().parents
        inside = len(folders) > 5 and folders[4].name == "models"
        self._results = folders[5] if inside else None
        self._dataset = folders[3].name if inside else ""

    @property
    def classes(self) -> Path | None:
        return self._file("datasets", self._dataset, "classes.csv")

    @property
    def supersets(self) -> Path | None:
        return self._file("supersets", f"{self._dataset}.json")

    @property
    def side(self) -> int | None:
        """Side of the stored test images, pixels."""
        manifest = self._file("shards", self._dataset, "test", "manifest.json")
        return int(read_json(manifest)["side"]) if manifest else None

    def _file(self, *names: str) -> Path | None:
        path = self._results.joinpath(*names) if self._results else None
        return path if path and path.is_file() else None


def _published(source: str, trunk: str | None) -> Classifier:
    """A CAM model of a torchvision network: the trunk, and its linear layer as class branch."""
    trunk = trunk or _trunk_named(source)
    if trunk not in _USABLE:
        raise UserError(
            f"--trunk {trunk}: give one of {', '.join(_USABLE)}, whose classifier reads the mean "
            "of a feature map, so that it has a class activation map."
        )
    job = TrainJob(
        trunk=trunk,
        map_size=14,  # as torchvision's network has it, or the nearest to it
        weights=source,
        seed=0,
        training=Training(method="cam", head="network", epochs=0),
    )
    layer = f"{TRUNKS[trunk].classifier}.weight"
    state = fitted(read_weights(source), [layer])
    if layer not in state:
        raise UserError(
            f"{source} is not a torchvision {trunk} with a classifier: it has no {layer!r}. "
            "Give the trunk of these weights: --trunk NAME."
        )
    return build_classifier(job, len(state[layer])).eval()


def _trunk_named(source: str) -> str:
    """The trunk after which a file or torchvision's weights are named."""
    name = Path(source.removeprefix(_PUBLISHED)).name.lower()
    for trunk in _USABLE:
        if name.startswith(trunk):
            return trunk
    raise UserError(f"{source} does not say which network it is: give --trunk {'|'.join(_USABLE)}.")
