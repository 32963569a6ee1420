"""Files of the figures: which maps, scores and histories a study has for each.

A figure is of one data set and architecture, and of the first seed. Its inputs bear the names of
its command line's options, and so do its values (`FigureInputs.files`, `FigureInputs.values`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.artefacts.paths import Paths, fill
from pipeline.catalogue.training_methods import TRAINING_METHODS
from pipeline.study.inputs.data import DataInputs
from pipeline.study.inputs.models import ModelInputs
from pipeline.study.inputs.scores import ScoreInputs
from pipeline.study.jobs import Study, params

GALLERY = ("cam", "cam_superset", "joint", "subset")
# The map that shows how a variant distinguishes two classes: the first of these that it has.
DIFFERENCES = ("counterfactual", "joint", "cam")
CONTRASTS = ("joint", "cam")  # maps of single classes, of which the difference is drawn beside them
# Besides the maps of the variants, as far as there is room (the paper's section 5.1).
GRADIENTS = ("gradient", "integrated_gradients", "smoothgrad", "vargrad")
GALLERY_COLUMNS, DIFFERENCE_COLUMNS = 9, 6  # maps next to an image, readable on a page
CONTRAST_MODELS = 3  # beside each other, with three maps each
KINDS = ("joint", "conditional", "saliency", "subset", "counterfactual", "posterior")

PLOT, PICTURE = ".svg", ".png"  # how the report shows a figure
# what a figure computes maps with, besides its own module
_ALSO = {
    "superset_depth": ("pipeline.attribution.methods.calm", "pipeline.attribution.methods.cam")
}


def figure_code(names: Any) -> tuple[str, ...]:
    """The modules that a figure is made of."""
    kind = names.figure.partition(".")[0]
    modules = ("pipeline.figures.__main__", f"pipeline.figures.{kind}", "pipeline.figures.style")
    return modules + _ALSO.get(kind, ())


def options(values: Mapping[str, Any]) -> list[str]:
    """Words of a command line: ``--name`` and its words, for each of ``values``."""
    words = []
    for name, value in values.items():
        words += [f"--{name.replace('_', '-')}", *([value] if isinstance(value, str) else value)]
    return words


class FigureInputs:
    """The files of a study's figures."""

    def __init__(self, study: Study, paths: Paths) -> None:
        self._study, self._paths = study, paths
        self._data = DataInputs(study, paths)
        self._models = ModelInputs(study, paths)
        self._scores = ScoreInputs(study, paths)

    def wanted(self, names: Any) -> Iterator[tuple[str, str]]:
        """The figures of a data set and architecture: name and how the report shows it."""
        if self._models.is_studied(names.dataset):
            yield from self._of_measured(names)
        if self._models.trained_variants(names.dataset) and not self._study.given(
            names.architecture
        ):
            yield "training", PLOT

    def _of_measured(self, names: Any) -> Iterator[tuple[str, str]]:
        compared = self._gallery(names)
        if self._data.of(names).cue_localization:
            yield "cue_scores", PLOT
        if self._data.has_pairs(names):
            if self._contrasts(names):
                yield "contrast", PICTURE
            if self._differences(names):
                yield "counterfactual", PICTURE
        if self._study.evaluation.calibration:
            yield "reliability", PLOT
        for task in ("erase", "sanity"):
            if self._scores.of_task(task, names, self._seed(names)):
                yield f"{task}_curves", PLOT
        if compared:
            yield "gallery", PICTURE
        if self._kinds(names):
            yield "kinds", PICTURE
        if self._depth_variant(names):
            yield "superset_depth", PICTURE
        if self._searched(names):
            yield "search", PLOT
        for variant in self._methods(names):
            if not {*self._of_variant(names, variant)} <= {*compared}:
                yield f"gallery.{variant}", PICTURE

    def files(self, names: Any) -> dict[str, Any]:
        """The input files of a figure, by the option that takes them."""
        kind, paths = names.figure.partition(".")[0], self._paths
        test = {
            "shards": fill(paths.shards, names, split="test"),
            "records": fill(paths.records, names, split="test"),
            "classes": fill(paths.classes, names),
        }
        if kind == "training":
            return {"histories": self._histories(names)}
        if kind == "search":
            return {
                "ledgers": self._of_searches(paths.ledger, names),
                "expected": self._of_searches(paths.expected_best, names),
            }
        if kind == "cue_scores":
            return {"tables": paths.tables}
        if kind in ("erase_curves", "sanity_curves"):
            task = kind.removesuffix("_curves")
            return {"scores": self._scores.of_task(task, names, self._seed(names))}
        if kind == "reliability":
            return {"scores": self._scores.calibrations(names, self._seed(names))}
        if kind == "superset_depth":
            model = {"variant": self._depth_variant(names), "seed": self._seed(names)}
            supersets = fill(paths.supersets, names)
            return {"weights": fill(paths.weights, names, **model), **test, "supersets": supersets}
        maps = self.map_files(names, self._shown(names))
        if kind == "kinds":
            return {**test, "maps": maps}
        if kind in ("contrast", "counterfactual"):
            test["pairs"] = fill(paths.pairs, names)
        return {**test, "part_maps": self._data.part_maps(names), "maps": maps}

    def values(self, names: Any) -> dict[str, str | list[str]]:
        """What else a figure's command line takes, by its option; a flag has no words."""
        kind, _, variant = names.figure.partition(".")
        title = f"{names.dataset}, {names.architecture}, seed {self._seed(names)}"
        dataset = self._data.of(names)
        if kind == "cue_scores":
            return {"dataset": names.dataset, "architecture": names.architecture}
        if kind == "training":
            return {"variants": self._models.trained_variants(names.dataset), "title": title}
        if kind == "search":
            return {"variants": self._searched(names), "title": title}
        if kind == "superset_depth":
            title = f"{title}: {self._depth_variant(names)}"
            return {"title": title, "is_a": dataset.supersets.is_a or []}
        if kind in ("erase_curves", "sanity_curves", "reliability"):
            return {"title": title}
        shown = self._shown(names)
        if kind == "kinds":
            of_variant, kinds = zip(*(name.split("/") for name in shown), strict=True)
            return {"kinds": list(kinds), "title": f"{title}: {of_variant[0]}"}
        if kind in ("contrast", "counterfactual"):
            named = self._data.named_pairs(names)
            return {"names": shown, "title": title, "class_pairs": named}
        values: dict[str, str | list[str]] = {"names": shown, "resize": dataset.images.resize}
        if variant:
            return values | {"title": f"{title}: {variant}", "every_method": []}
        return values | {"title": title}

    def arguments(self, names: Any) -> list[str]:
        """The words of `values` on the command line."""
        return options(self.values(names))

    def section(self) -> str:
        """The report's section, as canonical JSON."""
        return params(self._study.report)

    def map_files(self, names: Any, shown: Sequence[str]) -> list[str]:
        """The files of the maps VARIANT/METHOD of the first seed."""
        seed = self._seed(names)
        return [
            fill(self._paths.maps, names, variant=v, method=m, seed=seed, split="test")
            for v, m in (name.split("/") for name in shown)
        ]

    def explored(self, names: Any) -> list[str]:
        """VARIANT/METHOD of every map; counterfactuals need class pairs."""
        return [
            f"{variant}/{method}"
            for variant, methods in self._methods(names).items()
            for method in methods
            if method != "counterfactual" or self._data.has_pairs(names)
        ]

    def _shown(self, names: Any) -> list[str]:
        """VARIANT/METHOD of the maps that a figure shows."""
        kind, _, variant = names.figure.partition(".")
        if variant:
            return self._of_variant(names, variant)
        shown = {
            "gallery": self._gallery,
            "contrast": self._contrasts,
            "counterfactual": self._differences,
            "kinds": self._kinds,
        }
        return shown[kind](names)

    def _gallery(self, names: Any) -> list[str]:
        """The maps that compare the variants, and the user's own."""
        found = [
            f"{variant}/{method}"
            for variant, methods in self._methods(names).items()
            for method in (*GALLERY, *self._study.methods.functions, *self._study.own_maps)
            if method in methods
        ]
        found = self._at_most(names, found, GALLERY_COLUMNS)
        return self._with_gradients(names, found, GALLERY_COLUMNS)

    def _differences(self, names: Any) -> list[str]:
        """The map of each variant that shows how it distinguishes two classes."""
        found = self._at_most(names, self._first_of_each(names, DIFFERENCES), DIFFERENCE_COLUMNS)
        return self._with_gradients(names, found, DIFFERENCE_COLUMNS)

    def _contrasts(self, names: Any) -> list[str]:
        """The map of one class by each variant."""
        found = self._first_of_each(names, CONTRASTS)
        return self._at_most(names, found, CONTRAST_MODELS)[:CONTRAST_MODELS]

    def _first_of_each(self, names: Any, methods: Sequence[str]) -> list[str]:
        """The first of some methods that each variant has."""
        return [
            f"{variant}/{first}"
            for variant, known in self._methods(names).items()
            if (first := next((method for method in methods if method in known), None))
        ]

    def _at_most(self, names: Any, shown: list[str], most: int) -> list[str]:
        """All of them; where they are too many, those of CAM and CALM before the WSOL methods'."""
        plain = [name for name in shown if self._is_plain(names, name.split("/")[0])]
        return shown if len(shown) <= most or not plain else plain

    def _kinds(self, names: Any) -> list[str]:
        """The kinds of maps of the first CALM; counterfactuals need class pairs."""
        for variant, methods in self._methods(names).items():
            if self._is_calm(names, variant):
                return [
                    f"{variant}/{method}"
                    for method in KINDS
                    if method in methods
                    and (method != "counterfactual" or self._data.has_pairs(names))
                ]
        return []

    def _of_variant(self, names: Any, variant: str) -> list[str]:
        """All maps of one variant that explain one class, a set or the prior."""
        return [
            f"{variant}/{method}"
            for method in self._methods(names)[variant]
            if (entry := self._study.entry(method)) is None or entry.targets != "counterfactual"
        ]

    def _with_gradients(self, names: Any, shown: list[str], most: int) -> list[str]:
        """``shown`` and gradient maps of the first variant that is not CALM, ``most`` in all."""
        methods = self._methods(names)
        variant = next((name for name in methods if not self._is_calm(names, name)), None)
        own = [name for name in shown if name.split("/")[0] == variant]
        others = [name for name in shown if name not in own]
        gradients = [
            f"{variant}/{method}" for method in GRADIENTS if variant and method in methods[variant]
        ]
        return [*own, *gradients[: max(most - len(shown), 0)], *others]

    def _methods(self, names: Any) -> dict[str, tuple[str, ...]]:
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

    def _depth_variant(self, names: Any) -> str | None:
        """The model whose maps are summed over ever larger sets: a CALM where there is one."""
        if self._data.of(names).supersets.kind != "wordnet":
            return None
        for sums in ("subset", "cam_superset"):
            for variant, methods in self._methods(names).items():
                if sums in methods:
                    return variant
        return None

    def _searched(self, names: Any) -> list[str]:
        """The variants of a data set and architecture whose training keys are searched."""
        model = names.dataset, names.architecture
        searched = self._models.searched()
        return [str(s.variant) for s in searched if (s.dataset, s.architecture) == model]

    def _of_searches(self, pattern: str, names: Any) -> list[str]:
        return [fill(pattern, names, variant=variant) for variant in self._searched(names)]

    def _histories(self, names: Any) -> list[str]:
        seed = self._seed(names)
        variants = self._models.trained_variants(names.dataset)
        return [fill(self._paths.history, names, variant=v, seed=seed) for v in variants]

    def _seed(self, names: Any) -> int:
        return self._models.first_seed(names.dataset)
