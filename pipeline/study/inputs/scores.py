"""Files of scores, and what decides them."""

from typing import Any

from pipeline.artefacts.files import canonical_json
from pipeline.artefacts.paths import NO_MAPS, WITHOUT_MODEL, Names, Paths, fill
from pipeline.catalogue.evaluations import EVALUATIONS
from pipeline.study.inputs.data import DataInputs
from pipeline.study.inputs.maps import MapInputs
from pipeline.study.inputs.models import names_of
from pipeline.study.jobs import Study

CUE_TARGETS = ("class", "prior")  # kinds of maps that cue localisation ranks
CUE_BASELINES = ("chance", "always_head")
WSOL_BASELINES = ("center_gaussian",)
GAZE_BASELINES = ("viewers", "center_gaussian", "uniform")


class ScoreInputs:
    """The files of a study's scores."""

    def __init__(self, study: Study, paths: Paths) -> None:
        self._study, self._paths = study, paths
        self._data, self._maps = DataInputs(study, paths), MapInputs(study, paths)

    def outputs(self, task: str, method: str = "{method}") -> dict[str, str]:
        """The patterns of a score and of its results per image."""
        return _with_images(self._paths.score.replace("{task}", task).replace("{method}", method))

    def baseline_outputs(self, task: str) -> dict[str, str]:
        """The same of the baselines of a data set, which need no model."""
        return _with_images(self._paths.baseline_score.replace("{task}", task))

    def identity(self, names: Any) -> str:
        """What a score belongs to, as canonical JSON."""
        keys = ("dataset", "architecture", "variant", "method")
        identity = {key: getattr(names, key, None) for key in keys}
        seed = getattr(names, "seed", None)
        return canonical_json(identity | {"seed": None if seed is None else int(seed)})

    def val_maps(self, names: Any) -> list[str]:
        """The maps of the val images; none where the test images' come from elsewhere."""
        if self._data.val_records(names) and self._study.entry(names.method):
            return [fill(self._paths.maps, names, split="val")]
        return []

    def task_code(self, names: Any) -> tuple[str, ...]:
        """The modules of an evaluation of single maps, and its method's where it explains.

        The entry point finds the evaluation by its name, and does not import it.
        """
        entry = EVALUATIONS[names.task]
        explained = (self._maps.code(names),) if entry.explains else ()
        return "pipeline.evaluation", entry.code, *explained

    def task_files(self, names: Any) -> list[str]:
        """The files of the user's that its method is made of, where it explains."""
        return self._maps.function_files(names) if EVALUATIONS[names.task].explains else []

    def task_options(self, names: Any) -> str:
        """The options of the method where the evaluation computes further maps."""
        return self._maps.options(names.method) if EVALUATIONS[names.task].explains else "{}"

    def task_section(self, names: Any) -> str:
        """The section of an evaluation of single maps, as canonical JSON."""
        return self.section_of(names.task)

    def section_of(self, task: str) -> str:
        """The section of an evaluation, as canonical JSON."""
        return canonical_json(self._study.task_section(task))

    def task_base(self, names: Any) -> list[str]:
        """The score of the model without maps that an evaluation compares with, if any."""
        base = EVALUATIONS[names.task].base
        return [fill(self._paths.score, names, task=base, method=NO_MAPS)] if base else []

    def task_pairs(self, names: Any) -> list[str]:
        """The class pairs, where the evaluation reads them and there are some."""
        return self._data.pairs(names) if "pairs" in EVALUATIONS[names.task].reads else []

    def task_fixations(self, names: Any) -> list[str]:
        """Where people looked, where the evaluation reads it."""
        reads = "fixations" in EVALUATIONS[names.task].reads
        return [fill(self._paths.fixations, names)] if reads else []

    def of_task(self, task: str, names: Any, seed: int) -> list[str]:
        """The scores of an evaluation of single maps for one data set, architecture and seed."""
        model = names.dataset, names.architecture, seed
        return [
            self._of(Names(dataset, architecture, variant, number), task, method)
            for name, dataset, architecture, variant, number, method in self._study.measurements()
            if (name, dataset, architecture, number) == (task, *model)
        ]

    def calibrations(self, names: Any, seed: int) -> list[str]:
        """The calibration of every model of a data set, architecture and seed, if measured."""
        model = names.dataset, names.architecture, seed
        measured = self._study.studied_models() if self._study.evaluation.calibration else []
        return [
            self._of(Names(dataset, architecture, variant, number), "calibration", NO_MAPS)
            for dataset, architecture, variant, number in measured
            if (dataset, architecture, number) == model
        ]

    def all(self) -> list[str]:
        """Every score of the study."""
        scores = []
        models = names_of(self._study.measured())
        for names in models:
            of_model = names.architecture != WITHOUT_MODEL
            if of_model:
                scores.append(self._of(names, "classification", NO_MAPS))
            if of_model and self._study.evaluation.calibration:
                scores.append(self._of(names, "calibration", NO_MAPS))
            for method in self._data.methods(names):
                if self._locates_cues(names, method):
                    scores.append(self._of(names, "cue_localization", method))
                if self._localises(names, method):
                    scores.append(self._of(names, "wsol", method))
        for task, *model, method in self._study.measurements():
            scores.append(self._of(names_of([model])[0], task, method))
        for dataset_name in dict.fromkeys(names.dataset for names in models):
            scores += self._baselines(Names(dataset_name))
        return scores

    def explored(self, names: Any, seed: int) -> list[str]:
        """What the explorer says of each image: predictions, and where its maps point."""
        scores = []
        for of_model in names_of(self._study.studied_models()):
            model = of_model.dataset, of_model.architecture, of_model.seed
            if model == (names.dataset, names.architecture, seed):
                scores.append(self._of(of_model, "classification", NO_MAPS))
                for method in self._data.methods(of_model):
                    if self._locates_cues(of_model, method):
                        scores.append(self._of(of_model, "cue_localization", method))
                    if self._localises(of_model, method):
                        scores.append(self._of(of_model, "wsol", method))
        return scores

    def _targets(self, method: str) -> str:
        entry = self._study.entry(method)
        return entry.targets if entry else "class"  # maps from elsewhere are of classes

    def _locates_cues(self, names: Any, method: str) -> bool:
        """Whether cue localisation is measured for a map."""
        return self._data.of(names).cue_localization and self._targets(method) in CUE_TARGETS

    def _localises(self, names: Any, method: str) -> bool:
        """Whether localisation is measured for a map."""
        chosen = self._study.evaluation.wsol.methods
        wanted = self._data.of(names).wsol and (chosen is None or method in chosen)
        return bool(wanted) and self._targets(method) != "counterfactual"

    def explored_images(self, names: Any, seed: int) -> list[str]:
        """Their results per image."""
        return [_with_images(score)["images"] for score in self.explored(names, seed)]

    def all_images(self) -> list[str]:
        """The results per image of every score, which the tables read as well."""
        return [_with_images(score)["images"] for score in self.all()]

    def _of(self, names: Names, task: str, method: str) -> str:
        return fill(self._paths.score, names, task=task, method=method)

    def _baselines(self, names: Names) -> list[str]:
        dataset = self._data.of(names)
        baselines = [
            ("cue_localization", name) for name in CUE_BASELINES if dataset.cue_localization
        ]
        baselines += [("wsol", name) for name in WSOL_BASELINES if dataset.wsol]
        if ("gaze", names.dataset) in {(task, of) for task, of, *_ in self._study.measurements()}:
            baselines += [("gaze", name) for name in GAZE_BASELINES]
        return [
            fill(self._paths.baseline_score, names, task=task, method=method)
            for task, method in baselines
        ]


def _with_images(score: str) -> dict[str, str]:
    return {"score": score, "images": f"{score.removesuffix('.json')}.npz"}
