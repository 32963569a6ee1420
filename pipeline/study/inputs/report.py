"""Files of the tables, the explorer and the report."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.artefacts.files import canonical_json
from pipeline.artefacts.paths import Names, Paths, fill
from pipeline.catalogue.evaluations import EVALUATIONS, OF_PREDICTIONS
from pipeline.catalogue.tables import tables_of
from pipeline.study.inputs.figures import FigureInputs
from pipeline.study.inputs.models import ModelInputs, names_of
from pipeline.study.inputs.scores import ScoreInputs
from pipeline.study.jobs import Study


class ReportInputs:
    """The files of a study's tables and report."""

    def __init__(self, study: Study, paths: Paths) -> None:
        self._study, self._paths = study, paths
        self._models = ModelInputs(study, paths)
        self._scores = ScoreInputs(study, paths)
        self._figures = FigureInputs(study, paths)

    def tables(self) -> list[str]:
        """The names of the tables that there are scores for."""
        return tables_of(self._measured())

    def columns(self) -> str:
        """What the catalogue says of the columns of the values that are measured, as JSON.

        It decides the tables, as their section does.
        """
        measured = self._measured()
        return canonical_json(
            {
                name: [asdict(column) for column in entry.columns]
                for name, entry in (OF_PREDICTIONS | EVALUATIONS).items()
                if name in measured
            }
        )

    def _measured(self) -> set[str]:
        """The evaluations that there are scores for."""
        study = self._study
        tasks = {task for task, *_ in study.measurements()}
        if study.studied_models():
            tasks.add("classification")
            tasks |= {"calibration"} if study.evaluation.calibration else set()
        for name in self._studied():
            tasks |= {"cue_localization"} if study.datasets[name].cue_localization else set()
            tasks |= {"wsol"} if study.datasets[name].wsol else set()
        return tasks | ({"supersets"} if self.superset_datasets() else set())

    def tables_section(self) -> str:
        """What the tables need to know of the config, as canonical JSON."""
        study = self._study
        models = {}
        for dataset, architecture, variant, seed in study.studied_models():
            if given := study.given(architecture):
                reference = self._reference(dataset, architecture, variant)
                note = {"trunk": given.model, "method": "given", "reference": reference}
            else:
                job = study.train_job(dataset, architecture, variant, seed)
                note = {"trunk": job.trunk, "method": job.training.method}
            models[f"{dataset}/{architecture}/{variant}"] = note
        for dataset, architecture, variant, _ in study.maps_alone():
            note = {"trunk": "none", "method": "own_maps"}
            models[f"{dataset}/{architecture}/{variant}"] = note
        return canonical_json(
            {
                "protocol": study.protocol,
                "normalisations": study.evaluation.cue_localization.normalisations,
                "target": study.attribution.target,
                "level": study.evaluation.classification.bootstrap.level,
                "models": models,
                "supersets": {
                    name: study.datasets[name].supersets.kind for name in self._with_supersets()
                },
            }
        )

    def _with_supersets(self) -> list[str]:
        """The data sets that have maps of supersets."""
        study = self._study
        return sorted(
            {
                dataset
                for dataset, architecture, variant, _ in study.studied_models()
                for method in study.methods_of(dataset, architecture, variant)
                if (entry := study.entry(method)) and entry.targets == "superset"
            }
        )

    def _reference(self, dataset: str, architecture: str, variant: str) -> str:
        """The method whose map the others of a given model are compared with.

        CAM where the model has it, else the first that explains a class.
        """
        methods = self._study.methods_of(dataset, architecture, variant)
        entries = ((name, self._study.entry(name)) for name in methods)
        of_class = [name for name, entry in entries if entry and entry.targets == "class"]
        return "cam" if "cam" in methods else (*of_class, *methods)[0]

    def cue_datasets(self) -> list[str]:
        """The data sets on which cue localisation is measured."""
        return [name for name in self._studied() if self._study.datasets[name].cue_localization]

    def cue_checks(self) -> list[str]:
        """The check of the cues of each of them."""
        return [fill(self._paths.cue_check, dataset=name) for name in self.cue_datasets()]

    def superset_datasets(self) -> list[str]:
        """The measured data sets whose supersets come from a tree of classes."""
        datasets = self._study.datasets
        return [name for name in self._studied() if datasets[name].supersets.kind == "wordnet"]

    def superset_files(self) -> list[str]:
        """The supersets of each of them."""
        return [fill(self._paths.supersets, dataset=name) for name in self.superset_datasets()]

    def explored_maps(self, names: Any) -> list[str]:
        """The maps that the explorer shows, in the order of `FigureInputs.explored`."""
        return self._figures.map_files(names, self._figures.explored(names))

    def explored_scores(self, names: Any) -> list[str]:
        """The scores that the explorer reads, of the models that it shows."""
        return self._scores.explored(names, self._models.first_seed(names.dataset))

    def explored_images(self, names: Any) -> list[str]:
        """Their results per image."""
        return self._scores.explored_images(names, self._models.first_seed(names.dataset))

    def explorers(self) -> list[str]:
        """Data of the explorer for every data set and architecture whose maps are measured."""
        return [
            fill(self._paths.explorer, Names(name, architecture))
            for name in self._studied()
            for architecture in self._study.datasets[name].architectures
        ]

    def explorer_megabytes(self) -> float:
        """The part of the page that each of them may take."""
        return round(self._study.report.explorer_megabytes / max(len(self.explorers()), 1), 3)

    def figures(self) -> list[str]:
        """Figures of the report in its order: plots as SVG, pictures as PNG."""
        files = []
        for name, dataset in self._study.datasets.items():
            for architecture in dataset.architectures:
                names = Names(name, architecture)
                files += [
                    f"{fill(self._paths.figure, names, figure=figure)}{suffix}"
                    for figure, suffix in self._figures.wanted(names)
                ]
        return files

    def captions(self) -> list[str]:
        """The names of the captions of all tables and figures."""
        kinds = (Path(path).name.split(".")[0] for path in self.figures())
        return [*self.tables(), *dict.fromkeys(kinds)]

    def metrics(self) -> list[str]:
        """What every training reached."""
        return [fill(self._paths.metrics, names) for names in names_of(self._study.models())]

    def checks(self) -> list[str]:
        """The checks of data sets and cues."""
        of_data = [fill(self._paths.data_check, dataset=name) for name in self._study.datasets]
        return of_data + self.cue_checks()

    def manifests(self) -> list[str]:
        """The manifests of all data that the study used."""
        datasets = self._study.datasets
        drawn = [name for name, dataset in datasets.items() if dataset.draw]
        trained = [name for name in datasets if self._models.is_trained(name)]
        return [
            *(fill(self._paths.raw_manifest, dataset=name) for name in drawn),
            *(self._shards(name, split) for name in trained for split in ("train", "val")),
            *(self._shards(name, "test") for name in self._studied()),
        ]

    def table_files(self) -> list[str]:
        """The tables as CSV."""
        return [f"{fill(self._paths.table, table=table)}.csv" for table in self.tables()]

    def trackers(self) -> list[str]:
        """The trackers that results are sent to."""
        return [name for name, section in self._study.trackers if section]

    def tracked(self) -> list[str]:
        """What each of them answered."""
        return [fill(self._paths.tracked, tracker=tracker) for tracker in self.trackers()]

    def tracker_section(self, names: Any) -> str:
        """The section of one tracker, as canonical JSON."""
        sections = self._study.trackers.model_dump(mode="json")
        return canonical_json({names.tracker: sections[names.tracker]})

    def _shards(self, dataset: str, split: str) -> str:
        return fill(self._paths.shards, dataset=dataset, split=split)

    def _studied(self) -> list[str]:
        return [name for name in self._study.datasets if self._models.is_studied(name)]
