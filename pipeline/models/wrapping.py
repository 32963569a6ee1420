"""A model from elsewhere, opened as a config describes it, and kept as a weights file of the study.

Nothing is trained or altered. The file holds the network's tensors and how to build it again, so
that all later stages open it as they open a trained model, whatever becomes of the file that it
came from.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from pipeline.artefacts.weights import write_weights
from pipeline.models.class_lists import outputs_of, read_class_list
from pipeline.models.given import GivenModel
from pipeline.models.guessing import guessed
from pipeline.models.intake import Wanted, wanted_by
from pipeline.models.networks import Built, build_network, rebuilt
from pipeline.runtime.errors import UserError
from pipeline.settings.given import GivenJob


def open_given(job: GivenJob, names: Sequence[str] | None = None) -> tuple[GivenModel, str]:
    """The model that a job describes, in evaluation mode, on the CPU.

    Args:
        job: of the config.
        names: of the data set's classes, in the order of its labels; None: all that the network
            knows.

    Returns:
        The model, whose images are those of a study (`pipeline.models.intake`), and what its
        network and its weights are.

    Raises:
        UserError: the model cannot be opened, or does not fit the classes.
    """
    torch.manual_seed(job.seed)
    listed = None if job.classes is None else read_class_list(job.classes)
    spec, weights = job.model, None if job.weights == "none" else job.weights
    if Path(spec).is_file():
        spec, weights = guessed(spec), spec
    built = build_network(spec, weights, None if listed is None else len(listed))
    wanted = _wanted(job, spec, built, weights)
    model = GivenModel(built.network, wanted, layer=job.layer, side=job.stored_size)
    model.check_alone()
    chosen = _chosen(model.classes, listed, names)
    if chosen is not None:
        model.choose(chosen)
    model.spec = spec
    return model, f"{spec}, its weights from {built.note}"


def _wanted(job: GivenJob, spec: str, built: Built, weights: str | None) -> Wanted:
    """What the network takes: the job's keys, else what its library says."""
    wanted = wanted_by(spec, built.network, weights)
    return Wanted(job.mean or wanted.mean, job.std or wanted.std, job.size or wanted.side)


def _chosen(
    outputs: int, listed: Sequence[str] | None, names: Sequence[str] | None
) -> list[int] | None:
    """The outputs that are measured; None for all, in their order."""
    if listed is not None and len(listed) != outputs:
        raise UserError(
            f"classes: the list has {len(listed)} names, but the network has {outputs} outputs. "
            "Give one name for each output, in their order."
        )
    if names is None:
        return None
    if listed is None:
        if len(names) != outputs == 1:
            raise UserError(
                f"The network has one output, but the data set has {len(names)} classes. If it is "
                "the score of the second of two classes, give a module that returns "
                "`torch.cat([torch.zeros_like(score), score], 1)`."
            )
        if len(names) != outputs:
            raise UserError(
                f"The network has {outputs} outputs, but the data set has {len(names)} classes. "
                "Say which class each output is: `classes:` with a list, a file, or imagenet."
            )
        return None
    chosen = outputs_of(names, listed)
    return None if chosen == list(range(outputs)) else chosen


def save_given(model: GivenModel, job: GivenJob, path: Path, provenance: dict[str, str]) -> None:
    """Write a model as a weights file, atomically."""
    state = {name: value.clone() for name, value in model.network.state_dict().items()}
    about = {
        "given": job.model_dump(mode="json"),
        "spec": model.spec,
        "outputs": model.outputs,
        "wanted": model.whole.wanted,
        "num_classes": model.num_classes,
        "chosen": model.whole.chosen,
        "provenance": provenance,
    }
    write_weights(path, state, about)


def restored(state: dict[str, torch.Tensor], about: dict[str, Any]) -> GivenModel:
    """The model that :func:`save_given` wrote.

    Raises:
        UserError: the callable that builds its network is gone or builds another one.
    """
    job = GivenJob.model_validate(about["given"])
    network = rebuilt(about["spec"], about["outputs"], state)
    if {n: v.shape for n, v in network.state_dict().items()} != {
        name: value.shape for name, value in state.items()
    }:
        raise UserError(
            f"{about['spec']} builds another network than the one whose weights were kept. Delete "
            "its folder of results/models and run again."
        )
    network.load_state_dict(state)
    mean, std, side = about["wanted"]
    wanted = Wanted(tuple(mean), tuple(std), side)
    return GivenModel(
        network, wanted, layer=job.layer, chosen=about["chosen"], side=job.stored_size
    )
