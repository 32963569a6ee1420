"""One image explained: the prediction, the maps, and what they mean in words (docs/explain.md)."""

from pipeline.explain.explanation import Explanation, explain
from pipeline.explain.model import ExplainedModel, open_model

__all__ = ["ExplainedModel", "Explanation", "explain", "open_model"]
