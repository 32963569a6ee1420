"""Untrained classifiers for tests of attribution methods."""

from pipeline.models import build_classifier
from pipeline.settings import Training, TrainJob


def tiny_model(trunk, method):
    """An untrained classifier of five classes in double precision, in evaluation mode."""
    job = TrainJob(trunk=trunk, weights="none", seed=1, training=Training(method=method))
    return build_classifier(job, 5).double().eval().requires_grad_(False)
