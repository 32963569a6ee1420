"""Which models of a study are searched, and what each draw of one trains."""

from collections.abc import Iterator

from pydantic import ValidationError

from pipeline.runtime.errors import UserError
from pipeline.runtime.validation import nearest
from pipeline.settings import Bootstrap, DrawJob, Range, TrainJob
from pipeline.study.jobs import Study
from pipeline.study.search_space import draw, drawable_keys, field_type, of_job


def is_searched(study: Study, dataset: str, architecture: str, variant: str) -> bool:
    """Whether the training keys of a model come from a search."""
    search = study.search
    if search is None or not (search.variants is None or variant in search.variants):
        return False
    if study.given(architecture):
        return False
    is_trained = study.training_of(dataset, variant).epochs > 0
    return is_trained and bool(study.methods_of(dataset, architecture, variant))


def searched_models(study: Study) -> list[tuple[str, str, str]]:
    """The models whose training keys are searched: (data set, architecture, variant)."""
    models = dict.fromkeys(model[:3] for model in study.studied_models())
    return [model for model in models if is_searched(study, *model)]


def draw_job(study: Study, dataset: str, architecture: str, variant: str, number: int) -> DrawJob:
    """Draw ``number`` (from 0) of a model's search; it trains with the data set's first seed.

    Raises:
        UserError: the drawn keys do not go together.
    """
    search = study.search
    assert search is not None  # only searched models have draws
    seed = (study.datasets[dataset].seeds or study.seeds)[0]
    job = study.train_job(dataset, architecture, variant, seed)
    keys = draw(search, job.training, (dataset, architecture, variant), number)
    # a draw ends with its schedule, whatever the variant does
    epochs = {"epochs": search.epochs, "stop_after": None} if search.epochs else {}
    try:
        job = job.merged(of_job({**epochs, **keys}))
    except ValidationError as error:
        raise UserError(
            f"search: draw {number} of {dataset}/{architecture}/{variant} is {keys}, which is not "
            f"a valid training ({error.errors()[0]['msg']}). Change `search.ranges`."
        ) from error
    return DrawJob(
        number=number,
        job=job,
        keys=keys,
        score=search.score,
        proxy_per_class=search.proxy_per_class,
        # what decides the value alone: intervals and further columns are the test images'
        wsol=study.evaluation.wsol.model_copy(
            update={
                "methods": None,
                "bootstrap": Bootstrap(),
                "v1": False,
                "val_threshold": False,
                "masks": False,
            }
        ),
    )


def problems(study: Study) -> Iterator[str]:
    """What is wrong with a study's `search`: one text for each problem."""
    if study.search is None:
        return
    variants = {name for dataset in study.datasets.values() for name in dataset.variants}
    for name in study.search.variants or ():
        if name not in variants:
            yield f"search.variants: the study has no variant {name!r}{nearest(name, variants)}"
    for key, values in study.search.ranges.items():
        if key in drawable_keys():
            yield from (f"search.ranges.{key}: {fault}" for fault in _faults(key, values))
        else:
            yield f"search.ranges: no key {key!r} can be drawn{nearest(key, drawable_keys())}"


def invalid_draws(study: Study) -> Iterator[str]:
    """A text for each search with ranges of its own of which a draw is not a valid training."""
    if study.search is None or not study.search.ranges:
        return  # the methods' own ranges fit together
    for model in searched_models(study):
        try:
            for number in range(study.search.draws):
                draw_job(study, *model, number)
        except UserError as error:
            yield str(error)


def _faults(key: str, values: Range) -> Iterator[str]:
    """Which ends or choices of a range its key does not take."""
    whole = field_type(key) is int
    any_job = {"trunk": "resnet_small", "weights": "none", "seed": 0}
    for value in values.choices or (values.low, values.high):
        wanted = round(value) if whole and isinstance(value, float) else value
        try:
            TrainJob.model_validate({**any_job, **of_job({"method": "cam", key: wanted})})
        except ValidationError as error:
            place = tuple(key.split("."))
            found = [each for each in error.errors() if each["loc"][-len(place) :] == place]
            yield from (f"{each['msg']} (it is {value!r})" for each in found)
