"""Files of the figures: which maps, scores and histories a study has for each.

A figure is of one data set and architecture, and of the first seed. Its inputs bear the names of
its command line's options, and so do its values (`FigureInputs.files`, `FigureInputs.values`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.artefacts.paths import Paths, fill
from pipeline.study.inputs.data import DataInputs
from pipeline.study.inputs.models import ModelInputs
from pipeline.study.inputs.scores import ScoreInputs
from pipeline.study.inputs.shown_maps import ShownMaps
from pipeline.study.jobs import Study, params

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
        self._shown = ShownMaps(study, self._data)

    def wanted(self, names: Any) -> Iterator[tuple[str, str]]:
        """The figures of a data set and architecture: name and how the report shows it."""
        if self._models.is_studied(names.dataset):
            yield from self._of_measured(names)
        if self._models.trained_variants(names.dataset) and not self._study.given(
            names.architecture
        ):
            yield "training", PLOT

    def _of_measured(self, names: Any) -> Iterator[tuple[str, str]]:
        compared = self._shown.gallery(names)
        if self._data.of(names).cue_localization:
            yield "cue_scores", PLOT
        if self._data.has_pairs(names):
            if self._shown.contrasts(names):
                yield "contrast", PICTURE
            if self._shown.differences(names):
                yield "counterfactual", PICTURE
        if self._study.evaluation.calibration:
            yield "reliability", PLOT
        for task in ("erase", "sanity"):
            if self._scores.of_task(task, names, self._seed(names)):
                yield f"{task}_curves", PLOT
        if compared:
            yield "gallery", PICTURE
        if self._shown.kinds(names):
            yield "kinds", PICTURE
        if self._shown.depth_variant(names):
            yield "superset_depth", PICTURE
        if self._searched(names):
            yield "search", PLOT
        for variant in self._shown.methods(names):
            if not {*self._shown.of_variant(names, variant)} <= {*compared}:
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
            model = {"variant": self._shown.depth_variant(names), "seed": self._seed(names)}
            supersets = fill(paths.supersets, names)
            return {"weights": fill(paths.weights, names, **model), **test, "supersets": supersets}
        maps = self.map_files(names, self._shown.of_figure(names))
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
            title = f"{title}: {self._shown.depth_variant(names)}"
            return {"title": title, "is_a": dataset.supersets.is_a or []}
        if kind in ("erase_curves", "sanity_curves", "reliability"):
            return {"title": title}
        shown = self._shown.of_figure(names)
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
            for variant, methods in self._shown.methods(names).items()
            for method in methods
            if method != "counterfactual" or self._data.has_pairs(names)
        ]

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
