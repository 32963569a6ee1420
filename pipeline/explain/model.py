"""The model that explains an image, with its classes and the way it wants its images."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image
from torch import nn

from pipeline.artefacts.files import read_json, sha256
from pipeline.artefacts.paths import Paths, fill, names_in
from pipeline.explain.names import Classes
from pipeline.models import load_model
from pipeline.models.class_lists import IMAGENET, read_class_list
from pipeline.models.classifier import Classifier
from pipeline.models.given import GivenModel
from pipeline.models.given_parts import SIDE
from pipeline.models.intake import Wanted
from pipeline.models.networks import is_library
from pipeline.models.study_models import Model, is_of_study
from pipeline.models.wrapping import open_given
from pipeline.runtime.errors import UserError
from pipeline.settings import GivenJob
from pipeline.sharding.writing import resize

IMAGENET_CLASSES = 1000
_FILES = Paths("{results}")


@dataclass(frozen=True, repr=False)
class ExplainedModel:
    """A model as `explain` needs it.

    Attributes:
        source: file or name of the model.
        classifier: in evaluation mode, on the CPU.
        classes: of the classifier, in its order.
        side: of the square that its images are resized to, pixels.
        resize: which part of an image is that square, see :class:`pipeline.settings.Images`.
    """

    source: str
    classifier: Model
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
        """What the model is and its number of classes, for people."""
        if isinstance(self.classifier, GivenModel):
            return f"{type(self.classifier.network).__name__}, {len(self.classes)} classes"
        job = self.classifier.job
        return f"{job.training.method} on {job.trunk}, {len(self.classes)} classes"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file of weights; empty where the model comes from no single file."""
        return sha256(self.source) if Path(self.source).is_file() else ""


def open_model(
    model: str | Path | nn.Module,
    weights: str | Path | None = None,
    *,
    classes: str | Path | Sequence[str] | None = None,
    side: int | None = None,
    resize: str | None = None,
    layer: str | None = None,
) -> ExplainedModel:
    """Open a model of a study, or any classifier from elsewhere.

    Args:
        model: ``weights.safetensors`` of a study; another file of weights, whose network is
            recognised if timm or torchvision has it; ``timm:NAME``, ``torchvision:NAME`` or
            ``package.module:callable``; or an nn.Module, images normalised by ImageNet's mean and
            deviation -> logits.
        weights: a file, for a model by name; by default the library's own, which it downloads.
        classes: names in the order of the outputs: a list, a file (docs/own_models.md), or
            ``imagenet``. By default those of the study around the weights, and ImageNet's for a
            model from elsewhere with 1000 outputs.
        side: of the images, pixels; by default as the study stored its test images, as the library
            says, or 224.
        resize: ``"square"`` (the whole image, the default of a study) or ``"short_side"`` (the
            centre of it, the default of other models).
        layer: at which the Grad-CAM family looks at a model from elsewhere.

    Raises:
        UserError: the model cannot be opened, or predicts no classes; or it has more or fewer
            classes than the list of names.
    """
    if not isinstance(model, nn.Module) and weights is None and is_of_study(model):
        return _of_study(Path(model), classes, side, resize)
    if isinstance(model, Classifier):
        numbered = Classes.numbered(model.num_classes)
        side = side or model.job.training.crop
        return ExplainedModel(model.kind, model, numbered, side, resize or "square")
    source = str(weights or model) if not isinstance(model, nn.Module) else type(model).__name__
    classifier = _given(model, weights, side, layer)
    if classes is None:
        is_imagenet = classifier.num_classes == IMAGENET_CLASSES
        names = read_class_list(IMAGENET) if is_imagenet else None
    else:
        names = read_class_list(classes)
    wanted = classifier.whole.wanted.side if classifier.whole.wanted else None
    found = Classes.of_names(names) if names else Classes.numbered(classifier.num_classes)
    _check(found, classifier, source)
    return ExplainedModel(source, classifier, found, side or wanted or SIDE, resize or "short_side")


def _of_study(
    path: Path, classes: str | Path | Sequence[str] | None, side: int | None, resize: str | None
) -> ExplainedModel:
    """A model in a weights file of a study."""
    classifier, study = load_model(path), _Study(path)
    if classifier.kind == "attributes":
        raise UserError(f"{path} predicts attributes, not classes. Choose a CAM or CALM model.")
    if classes is not None:
        found = Classes.of_names(read_class_list(classes))
    elif study.classes:
        found = Classes.read(study.classes, study.supersets)
    else:
        found = Classes.numbered(classifier.num_classes)
    _check(found, classifier, str(path))
    classifier.requires_grad_(False)
    trained = classifier.job.training.crop if isinstance(classifier, Classifier) else SIDE
    return ExplainedModel(
        str(path), classifier, found, side or study.side or trained, resize or "square"
    )


def _given(
    model: str | Path | nn.Module, weights: str | Path | None, side: int | None, layer: str | None
) -> GivenModel:
    """A classifier from elsewhere."""
    if isinstance(model, GivenModel):
        if model.whole.wanted:
            return model
        wanted = model.of_library or Wanted()
        network, layer = model.network, layer or model.layer
        return GivenModel(network, wanted._replace(side=side or wanted.side), layer=layer)
    if isinstance(model, nn.Module):
        return GivenModel(model, Wanted(), layer=layer, side=side or SIDE)
    spec = str(model)
    if weights is None and is_library(spec):
        weights = spec.partition(":")[0]
    job = GivenJob(
        model=spec,
        weights=None if weights is None else str(weights),
        layer=layer,
        size=side,
    )
    return open_given(job)[0]


def _check(classes: Classes, classifier: Model, source: str) -> None:
    if len(classes) != classifier.num_classes:
        raise UserError(
            f"{source} knows {classifier.num_classes} classes, but the list has {len(classes)}. "
            "Give the list of its own classes: --classes FILE."
        )


class _Study:
    """What lies around the weights of a study, in its folder of results."""

    def __init__(self, weights: Path) -> None:
        self._names = names_in(_FILES.model, weights.absolute().parent)

    @property
    def classes(self) -> Path | None:
        return self._file(_FILES.classes)

    @property
    def supersets(self) -> Path | None:
        return self._file(_FILES.supersets)

    @property
    def side(self) -> int | None:
        """Side of the stored test images, pixels."""
        manifest = self._file(_FILES.shards)
        return int(read_json(manifest)["side"]) if manifest else None

    def _file(self, pattern: str) -> Path | None:
        if self._names is None:
            return None
        path = Path(fill(pattern, **self._names, split="test"))
        return path if path.is_file() else None
