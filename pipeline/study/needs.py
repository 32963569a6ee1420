"""What a study requires of a data set: the check finds what is missing before anything trains."""

from pipeline.settings import Need, RecordsJob
from pipeline.study.jobs import Study
from pipeline.study.searches import searched_models

_OF_OBJECTS = ("pointing_game", "relevance")  # evaluations with a `region`, box or mask


def records_job(study: Study, name: str) -> RecordsJob:
    """The section that reads the data set ``name``, with what the study asks of it."""
    dataset = study.datasets[name]
    return RecordsJob(
        **dict(dataset.records),
        needs=tuple(dict.fromkeys(_needs(study, name))),
        least_classes=_least_classes(study, name),
        class_pairs=dataset.class_pairs,
        gaze=dataset.gaze,
    )


def _least_classes(study: Study, name: str) -> int:
    """How many classes the evaluations of a data set need."""
    tasks = {task for task, of, *_ in study.measurements() if of == name}
    least = 2 if "random_logit" in tasks else 1
    if "grid_pointing" in tasks:
        least = max(least, study.evaluation.of("grid_pointing").side ** 2)
    return least


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
    if dataset.supersets.kind == "wordnet":
        needs.append("wnids")
    if dataset.wsol:
        needs.append("objects_or_segmentations" if study.evaluation.wsol.masks else "objects")
    tasks = {task for task, of, *_ in study.measurements() if of == name}
    for task in _OF_OBJECTS:
        if task in tasks:
            needs.append("boxes" if study.evaluation.of(task).region == "box" else "masks")
    if "gaze" in tasks:
        needs.append("gaze")
    if dataset.cue_localization:
        needs += ["attributes", "keypoints"]
    searched = any(model[0] == name for model in searched_models(study))
    if searched and study.search is not None and study.search.score == "localisation":
        needs.append("val_objects")
    return needs
