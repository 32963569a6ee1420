"""Classifiers whose maps are the explanation: trunks, heads, and weights on disk."""

from pipeline.models.classifier import build_classifier, save_model
from pipeline.models.study_models import load_model

__all__ = ["build_classifier", "load_model", "save_model"]
