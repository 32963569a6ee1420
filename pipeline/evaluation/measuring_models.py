"""One evaluation of the catalogue that asks a model, on files."""

import torch

from pipeline.artefacts.shards import open_shards
from pipeline.evaluation.measuring import Inputs, evaluation_module, opened
from pipeline.evaluation.result import Result
from pipeline.evaluation.subject import Subject
from pipeline.models import load_model
from pipeline.runtime.errors import UserError
from pipeline.runtime.machine import Machine
from pipeline.settings import Attribution, MapEvaluation


def of_model(
    name: str,
    section: MapEvaluation,
    inputs: Inputs,
    machine: Machine,
    *,
    method: str,
    options: Attribution,
) -> Result:
    """Measure a model, most often by its maps by one method.

    Args:
        name: of the evaluation or the base, in `pipeline.catalogue.evaluations`.
        section: of the evaluation.
        inputs: its files.
        machine: what to compute on.
        method: name of the attribution method; ``"model"`` without maps.
        options: of the method, for evaluations that compute further maps.

    Raises:
        UserError: inputs are missing, broken or do not belong together.
    """
    if inputs.weights is None:
        raise UserError(f"--weights: {name} asks a model. Give its weights.")
    device = torch.device(machine.device)
    model = load_model(inputs.weights).requires_grad_(False)
    model.to(device).to(memory_format=torch.channels_last)
    with opened(name, section, inputs) as (records, store):
        subject = Subject(
            model,
            method,
            options,
            open_shards(inputs.shards),
            records,
            store,
            device,
            resize=inputs.resize,
            base=inputs.base,
            pairs=inputs.pairs,
            fixations=inputs.fixations,
            workers=machine.workers,
        )
        return evaluation_module(name).measure(subject, section)
