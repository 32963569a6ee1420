"""What a study requires of a data set: the check finds what is missing before anything trains."""

from pipeline.settings import Need, PointingGame, RecordsJob
from pipeline.study.jobs import Study
from pipeline.study.searches import searched_models


def records_job(study: Study, name: str) -> RecordsJob:
    """The section that reads the data set ``name``, with what the study asks of it."""
    dataset = study.datasets[name]
    return RecordsJob(
        **dict(dataset.records),
        needs=tuple(dict.fromkeys(_needs(study, name))),
        class_pairs=dataset.class_pairs,
    )


def _needs(study: Study, name: str) -> list[Need]:
    dataset = study.datasets[name]
    needs: list[Need] = []
    trained = not all(study.given(architecture) for architecture in dataset.architectures)
    trainings = [study.training_of(name, v) for v in dataset.variants] if trained else []
    if any(training.epochs for training in trainings):
        needs.append("train_images")
    if any(training.method == "attributes" for training in trainings):
        needs.append("attributes")
    if not any(model[0] == name for model in study.measured()):
        return needs  # its models only pretrain others
    needs.append("test_images")
    if dataset.wsol:
        needs.append("objects_or_segmentations" if study.evaluation.wsol.masks else "objects")
    if any(task == "pointing_game" and of == name for task, of, *_ in study.measurements()):
        game = study.evaluation.of("pointing_game")
        assert isinstance(game, PointingGame)  # it is measured
        needs.append("boxes" if game.region == "box" else "masks")
    if dataset.cue_localization:
        needs += ["attributes", "keypoints"]
    searched = any(model[0] == name for model in searched_models(study))
    if searched and study.search is not None and study.search.score == "localisation":
        needs.append("val_objects")
    return needs
