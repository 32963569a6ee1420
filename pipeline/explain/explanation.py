"""One image explained by one model: maps, what they mean, and how they are shown and kept."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from pipeline.artefacts.files import atomic_path
from pipeline.artefacts.maps import MapStore
from pipeline.attribution.explained import units_of
from pipeline.attribution.probabilities import probabilities
from pipeline.attribution.query import Query, entry_of
from pipeline.catalogue.methods import METHODS
from pipeline.explain import words
from pipeline.explain.model import ExplainedModel, open_model
from pipeline.explain.picture import draw
from pipeline.explain.request import Request
from pipeline.images.loading import normalise
from pipeline.images.opening import ImageFault, opened, rgb
from pipeline.models.given import GivenModel
from pipeline.models.study_models import Model
from pipeline.runtime.errors import UserError

SHOWN = 5  # classes of the prediction


@dataclass(frozen=True, repr=False)
class ExplainedMap:
    """One map of an image.

    Attributes:
        method: its name in the catalogue of methods.
        target: what it explains, as in `pipeline.artefacts.targets`; a superset by its name.
        topic: the map (h, w), its probability and its classes.
    """

    method: str
    target: str
    topic: words.Topic

    def __repr__(self) -> str:
        height, width = self.values.shape
        return f"{self.method} {height} x {width}"

    @property
    def values(self) -> np.ndarray:
        """(h, w) float32, at the method's own resolution."""
        return self.topic.values

    @property
    def words(self) -> str:
        """What it means."""
        return words.meaning(self.method, self.topic)

    @property
    def heading(self) -> str:
        """Method and classes, two lines."""
        return words.heading(self.method, self.topic)


@dataclass(frozen=True, repr=False)
class Explanation:
    """What a model says of an image and where it looks; shows itself in a notebook.

    Attributes:
        name: of the image.
        model: that explains.
        image: uint8 (S, S, 3), as the model sees it.
        probabilities: p(y|x) of all classes (C,) float32.
        label: of the class that is explained.
        maps: one per method.
    """

    name: str
    model: ExplainedModel
    image: np.ndarray
    probabilities: np.ndarray
    label: int
    maps: Sequence[ExplainedMap]

    def __repr__(self) -> str:
        """One line: class, probability, methods and the shapes of their maps."""
        explained = self.model.classes.titles[self.label]
        share = words.percent(float(self.probabilities[self.label]))
        return (
            f"<Explanation of {self.name}: {explained}, {share}; {', '.join(map(repr, self.maps))}>"
        )

    @property
    def top(self) -> list[tuple[str, float]]:
        """The likeliest classes and their probabilities, the first is the prediction."""
        order = np.argsort(-self.probabilities, kind="stable")[:SHOWN]
        return [(self.model.classes.titles[n], float(self.probabilities[n])) for n in order]

    @property
    def text(self) -> str:
        """The prediction and the meaning of each map, as paragraphs."""
        (first, probability), *others = self.top
        lines = [
            f"{self.name}: {first}, with probability {words.percent(probability)}.",
            "Next: " + ", ".join(f"{name} {words.percent(p)}" for name, p in others) + ".",
        ]
        if (asked := self.model.classes.titles[self.label]) != first:
            own = words.percent(float(self.probabilities[self.label]))
            lines.append(f"Explained is {asked}, with probability {own}.")
        maps = (f"{each.method}: {each.words}" for each in self.maps)
        return "\n\n".join(["\n".join(lines), *maps])

    def save(self, folder: str | Path) -> list[Path]:
        """Write every map as ``IMAGE_METHOD.png`` and ``.h5``; the files, in this order.

        The HDF5 files are stores of one map (`pipeline.artefacts.maps`).
        """
        written = []
        for number, each in enumerate(self.maps):
            stem = Path(folder) / f"{Path(self.name).stem}_{each.method}"
            picture, store = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.h5")
            with atomic_path(picture) as temporary:
                temporary.write_bytes(self._pictures[number])
            self._store(each, store)
            written += [picture, store]
        return written

    def _store(self, each: ExplainedMap, path: Path) -> None:
        entry = METHODS[each.method]
        about = {
            "weights": self.model.source,
            "sha256_weights": self.model.digest,
            "class": self.model.classes.names[self.label],
            "meaning": each.words,
        }
        with MapStore.create(
            path,
            rows=[(self.name, each.target)],
            shape=each.values.shape,
            method=each.method,
            targets=entry.targets,
            units=each.topic.units,
            attributes=about,
        ) as writer:
            writer.write(0, each.values[None], np.array([each.topic.probability]))

    @cached_property
    def _pictures(self) -> list[bytes]:
        return [
            draw(
                self.image,
                each.values,
                each.heading,
                signed=METHODS[each.method].targets == "counterfactual",
            )
            for each in self.maps
        ]

    def _repr_html_(self) -> str:
        """The same as HTML with its pictures inside."""
        prediction, *maps = self.text.split("\n\n")
        lines = "<br>".join(map(html.escape, prediction.splitlines()))
        parts = [f"<p>{lines}</p>"]
        for each, meaning, picture in zip(self.maps, maps, self._pictures, strict=True):
            data = base64.b64encode(picture).decode()
            parts.append(
                f'<figure><img style="max-width: 100%" alt="{html.escape(each.heading)}" '
                f'src="data:image/png;base64,{data}">'
                f"<figcaption>{html.escape(meaning)}</figcaption></figure>"
            )
        return '<div style="max-width: 60em">' + "".join(parts) + "</div>"


def explain(
    image: str | Path | Image.Image,
    model: ExplainedModel | str | Path | nn.Module,
    *,
    of: str | int | None = None,
    against: str | int | None = None,
    superset: str | None = None,
    methods: Sequence[str] = (),
) -> Explanation:
    """Explain what a model says of an image.

    Args:
        image: file, or an image of Pillow.
        model: from `open_model`, or what it takes: a file of weights, ``timm:NAME``, ...
        of: the class y to explain, by name or label; by default the predicted one.
        against: a second class y'; adds the counterfactual map.
        superset: a set of classes, see :meth:`pipeline.explain.names.Classes.superset`; adds the
            map of the set.
        methods: of the catalogue; by default CAM's or CALM's own map, of another model Grad-CAM's
            or the gradient.

    Returns:
        The explanation; maps in the order of ``methods``, then those that were added.

    Raises:
        UserError: the image or the weights cannot be read, or a class, a set or a method is
            unknown to this model.
    """
    if not isinstance(model, ExplainedModel):
        model = open_model(model)
    name, opened = _open_image(image)
    seen = np.array(model.resized(opened))  # (S, S, 3)
    inputs = normalise(torch.from_numpy(seen).permute(2, 0, 1)[None])  # (1, 3, S, S)
    classifier = model.classifier
    with torch.inference_mode():
        probs = classifier.log_probs(inputs).exp()[0].numpy()  # (C,)
    label = int(probs.argmax()) if of is None else model.classes.find(of)
    asked = Request(model, label, against, superset)
    maps = []
    for method in asked.methods(methods):
        entry = entry_of(method, classifier.kind)
        targets = entry.targets
        query = Query(classifier, inputs, torch.zeros(1).long(), [asked.labels(targets)], [name])
        topic = words.Topic(
            values=query.maps(method)[0].numpy(),
            probability=float(probabilities(query, targets)[0]),
            label=model.classes.titles[label],
            other=asked.other_name,
            group=asked.group,
            members=len(asked.members),
            averaged=_is_averaged(classifier),
            units=units_of(entry, classifier.head, query.options),
        )
        maps.append(ExplainedMap(method, asked.target(targets), topic))
    return Explanation(name, model, seen, probs, label, maps)


def _is_averaged(classifier: Model) -> bool:
    """Whether the mean of a CAM's map is the score whose softmax is the prediction."""
    if isinstance(classifier, GivenModel):
        return classifier.kind == "cam"
    return classifier.job.training.method == "cam"


def _open_image(image: str | Path | Image.Image) -> tuple[str, Image.Image]:
    """Name and RGB pixels, rotated by the EXIF orientation.

    Raises:
        UserError: the file is missing or broken, or its pixels are of a kind that is not read.
    """
    name = "image" if isinstance(image, Image.Image) else Path(image).name
    try:
        if isinstance(image, Image.Image):
            return name, rgb(image, upright=True)
        with opened(image) as picture:
            return name, rgb(picture, upright=True)
    except (FileNotFoundError, ImageFault) as error:
        reason = "it is missing" if isinstance(error, FileNotFoundError) else error
        raise UserError(
            f"Cannot read the image {name}: {reason}. Give a JPEG, PNG or another image file."
        ) from error
