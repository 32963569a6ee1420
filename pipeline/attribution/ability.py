"""Whether a model can do a method, found out on one image, before any map is computed."""

from torch import Tensor

from pipeline.attribution.features import blocks_of, tokens_of
from pipeline.attribution.query import Query, entry_of
from pipeline.models.classifier import Classifier
from pipeline.models.given import GivenModel
from pipeline.runtime.errors import UserError


def check_able(model: Classifier | GivenModel, method: str, images: Tensor) -> None:
    """Check that a model has what a method of the catalogue needs of it.

    Args:
        model: in evaluation mode.
        method: its name.
        images: (B, 3, S, S), of which the first is tried; any values.

    Raises:
        UserError: the kind of model has no such method, or this model lacks what it needs; the
            message names the method, what is missing, and what to take instead.
    """
    needs = entry_of(method, model.kind).needs
    query = Query(model, images[:1], images.new_zeros(1).long(), [(0,)], ["probe"])
    if needs == "modules":
        query.maps(method)
    try:
        if needs == "features":
            tokens_of(query)
        elif needs == "tokens":
            blocks_of(query)
    except UserError as error:
        raise UserError(f"{method}: {error}") from error
