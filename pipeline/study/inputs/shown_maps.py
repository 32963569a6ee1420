"""Which maps the figures of a data set and architecture show, as VARIANT/METHOD."""

from collections.abc import Sequence
from typing import Any

from pipeline.catalogue.training_methods import TRAINING_METHODS
from pipeline.study.inputs.data import DataInputs
from pipeline.study.jobs import Study

GALLERY = ("cam", "cam_superset", "joint", "subset")
# The map that shows how a variant distinguishes two classes: the first of these that it has.
DIFFERENCES = ("counterfactual", "joint", "cam")
CONTRASTS = ("joint", "cam")  # maps of single classes, whose difference is drawn next to them
# Besides the maps of the variants, as far as there is room (the paper's section 5.1).
GRADIENTS = ("gradient", "integrated_gradients", "smoothgrad", "vargrad")
GALLERY_COLUMNS, DIFFERENCE_COLUMNS = 9, 6  # maps next to an image, readable on a page
CONTRAST_MODELS = 3  # side by side, with three maps each
KINDS = ("joint", "conditional", "saliency", "subset", "counterfactual", "posterior")


class ShownMaps:
    """The choice of maps for each figure of a study."""

    def __init__(self, study: Study, data: DataInputs) -> None:
        self._study, self._data = study, data

    def of_figure(self, names: Any) -> list[str]:
        """VARIANT/METHOD of the maps that a figure shows."""
        kind, _, variant = names.figure.partition(".")
        if variant:
            return self.of_variant(names, variant)
        shown = {
            "gallery": self.gallery,
            "contrast": self.contrasts,
            "counterfactual": self.differences,
            "kinds": self.kinds,
        }
        return shown[kind](names)

    def gallery(self, names: Any) -> list[str]:
        """The maps that compare the variants, and the user's own."""
        found = [
            f"{variant}/{method}"
            for variant, methods in self.methods(names).items()
            for method in (*GALLERY, *self._study.methods.functions, *self._study.own_maps)
            if method in methods
        ]
        found = self._at_most(names, found, GALLERY_COLUMNS)
        return self._with_gradients(names, found, GALLERY_COLUMNS)

    def differences(self, names: Any) -> list[str]:
        """The map of each variant that shows how it distinguishes two classes."""
        found = self._at_most(names, self._first_of_each(names, DIFFERENCES), DIFFERENCE_COLUMNS)
        return self._with_gradients(names, found, DIFFERENCE_COLUMNS)

    def contrasts(self, names: Any) -> list[str]:
        """The map of one class by each variant."""
        found = self._first_of_each(names, CONTRASTS)
        return self._at_most(names, found, CONTRAST_MODELS)[:CONTRAST_MODELS]

    def _first_of_each(self, names: Any, methods: Sequence[str]) -> list[str]:
        """The first of some methods that each variant has."""
        return [
            f"{variant}/{first}"
            for variant, known in self.methods(names).items()
            if (first := next((method for method in methods if method in known), None))
        ]

    def _at_most(self, names: Any, shown: list[str], most: int) -> list[str]:
        """All of them; where they are too many, those of CAM and CALM before the WSOL methods'."""
        plain = [name for name in shown if self._is_plain(names, name.split("/")[0])]
        return shown if len(shown) <= most or not plain else plain

    def kinds(self, names: Any) -> list[str]:
        """The kinds of maps of the first CALM; counterfactuals need class pairs."""
        for variant, methods in self.methods(names).items():
            if self._is_calm(names, variant):
                return [
                    f"{variant}/{method}"
                    for method in KINDS
                    if method in methods
                    and (method != "counterfactual" or self._data.has_pairs(names))
                ]
        return []

    def of_variant(self, names: Any, variant: str) -> list[str]:
        """All maps of one variant that explain one class, a set or the prior."""
        return [
            f"{variant}/{method}"
            for method in self.methods(names)[variant]
            if (entry := self._study.entry(method)) is None or entry.targets != "counterfactual"
        ]

    def _with_gradients(self, names: Any, shown: list[str], most: int) -> list[str]:
        """``shown`` and gradient maps of the first variant that is not CALM, ``most`` in all."""
        methods = self.methods(names)
        variant = next((name for name in methods if not self._is_calm(names, name)), None)
        own = [name for name in shown if name.split("/")[0] == variant]
        others = [name for name in shown if name not in own]
        gradients = [
            f"{variant}/{method}" for method in GRADIENTS if variant and method in methods[variant]
        ]
        return [*own, *gradients[: max(most - len(shown), 0)], *others]

    def methods(self, names: Any) -> dict[str, tuple[str, ...]]:
        """Variant -> its methods, for the variants that have any."""
        found = {
            variant: self._study.methods_of(names.dataset, names.architecture, variant)
            for variant in self._study.variants_of(names.dataset, names.architecture)
        }
        return {variant: methods for variant, methods in found.items() if methods}

    def _is_plain(self, names: Any, variant: str) -> bool:
        """Whether it is CAM or CALM, and no training method of localisation."""
        if self._study.given(names.architecture):
            return True  # it has no other variant
        method = self._study.training_of(names.dataset, variant).method
        return method == "cam" or TRAINING_METHODS[method].kind == "calm"

    def _is_calm(self, names: Any, variant: str) -> bool:
        return self._study.kind_of(names.dataset, names.architecture, variant) == "calm"

    def depth_variant(self, names: Any) -> str | None:
        """The model whose maps are summed over ever larger sets: a CALM where there is one."""
        if self._data.of(names).supersets.kind != "wordnet":
            return None
        for sums in ("subset", "cam_superset"):
            for variant, methods in self.methods(names).items():
                if sums in methods:
                    return variant
        return None
