"""What a study's training keys are known not to train, although nothing in them is wrong."""

from collections.abc import Iterator

from pipeline.study.jobs import Study

# Trunk -> the scale of the heads' first weights with which it trains (docs/lab_book.md). Its
# features are not normalised and large: from weights of scale 1 a model stays at chance.
INIT_SCALES = {"squeezenet1_0": 0.02}
_KEYS = ("class_init_scale", "location_init_scale")


def advice(study: Study) -> Iterator[str]:
    """A paragraph for every model that would most likely stay at chance, the first seed's."""
    for dataset, architecture, variant in study.models_without_seed():
        if study.given(architecture):
            continue
        job = study.train_job(dataset, architecture, variant, study.seeds[0])
        scale = INIT_SCALES.get(job.trunk)
        wrong = [key for key in _KEYS if getattr(job.training, key) == 1.0]
        if scale and job.weights != "none" and wrong:
            yield (
                f"{dataset}/{architecture}/{variant}: would most likely stay at chance. The "
                f"features of {job.trunk} are large; give the variant "
                + " and ".join(f"`{key}: {scale}`" for key in wrong)
                + " (docs/lab_book.md)."
            )
