"""A classifier = trunk + head, and its file, from which alone it can be rebuilt."""

from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.artefacts.weights import read_own_weights, write_weights
from pipeline.models.freezing import hold_still, prefixes_of_stages, within
from pipeline.models.heads import Head, head_of, location_parameters
from pipeline.models.lukemelas import check_padding, of_lukemelas
from pipeline.models.pretrained import HEAD, load_head, load_trunk, read_weights
from pipeline.models.reference_names import renamed
from pipeline.models.tensor_names import fitted
from pipeline.models.trunks import build_trunk
from pipeline.runtime.errors import UserError
from pipeline.settings import Training, TrainJob


class Classifier(nn.Module):
    """Images (B, 3, S, S), normalised -> maps (B, C, h, w); see `pipeline.models.heads`."""

    trunk: nn.Module
    head: Head

    def __init__(self, job: TrainJob, outputs: int) -> None:
        super().__init__()
        self.job = job
        self.num_classes = outputs
        training, head = job.training, head_of(job.training)
        trunk = head.trunk_of(job.trunk, training.crop)
        places = head.places_on(job.trunk, trunk)
        self.form = trunk
        self.frozen = prefixes_of_stages(trunk.stages, training.frozen_stages)
        self.trunk = build_trunk(
            trunk,
            job.map_size,
            places,
            dropout=training.dropout and head.dropout,
            frozen_stages=training.frozen_stages,
            added_batch_norm=training.added_batch_norm,
            convert_input=training.convert_input,
            dilation=job.dilation,
        )
        # all heads that can be asked for are built from these, what they share from less
        self.head = head(trunk.channels, outputs, training, places)  # type: ignore[call-arg, arg-type]

    @property
    def kind(self) -> str:
        """``"cam"``, ``"calm"`` or ``"attributes"``: what the maps are."""
        return self.head.kind

    def train(self, mode: bool = True) -> "Classifier":
        """Set training or evaluation mode; frozen stages stay in evaluation mode."""
        super().train(mode)
        hold_still(self.trunk, self.frozen)
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Maps of all classes (B, C, h, w), float32."""
        return self.head(self.trunk(images)["features"])

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.num_classes

    def logits(self, images: Tensor) -> Tensor:
        """The class scores before the softmax, any real numbers: (B, 3, S, S) -> (B, C).

        Raises:
            UserError: CALM has none: it mixes probabilities over locations.
        """
        if not self.head.has_logits:
            raise UserError(f"A {self.kind} model has no logits. Use log_probs.")
        return self.head.logits(self(images))

    def log_probs(self, images: Tensor) -> Tensor:
        """log p(y|x): (B, 3, S, S), normalised -> (B, C)."""
        return self.head.log_probs(self(images))

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """The loss of the maps alone (scalar, nats, mean over the batch)."""
        return self.head.loss(maps, labels)

    def training_step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Maps and the whole loss of one step, see `pipeline.models.heads.Head`."""
        return self.head.training_step(self.trunk, images, labels)

    @torch.no_grad()
    def class_maps(self, inputs: Tensor, maps: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        """The maps (K, h, w) that localise single classes, see `pipeline.models.heads.Head`."""
        return self.head.class_maps(self.trunk, inputs, maps, images, labels)

    def parameter_groups(self, training: Training) -> list[dict]:
        """Optimiser groups: trunk; last block and heads; location branch.

        The names and rates are explicit, so that no parameter changes group by accident. Frozen
        parameters are in none.
        """
        last_block = self.form.last_block
        location = location_parameters(self.head)
        trunk: list[nn.Parameter] = []
        fast = [p for p in self.head.parameters() if all(p is not other for other in location)]
        for name, parameter in self.trunk.named_parameters():
            if within(name, self.frozen):
                continue
            (fast if name.startswith(last_block) else trunk).append(parameter)
        head_lr = training.lr * training.head_lr_ratio
        groups = [
            {"name": "trunk", "params": trunk, "lr": training.lr},
            {"name": "head", "params": fast, "lr": head_lr},
            {
                "name": "location",
                "params": location,
                "lr": head_lr * training.location_lr_ratio,
            },
        ]
        return [group for group in groups if group["params"]]


def build_classifier(job: TrainJob, outputs: int, weights: Path | None = None) -> Classifier:
    """A new classifier: trunk from ``job.weights``, heads drawn from ``job.seed`` or given too.

    Args:
        job: trunk, weights and training keys.
        outputs: number of classes (or attributes).
        weights: the file behind ``job.weights`` where that is a path or a model of the study.

    Raises:
        UserError: the weights are missing, unreadable or do not fit trunk or heads.
    """
    torch.manual_seed(job.seed)
    model = Classifier(job, outputs)
    load_start(model, weights)
    return model


def load_start(model: Classifier, weights: Path | None = None) -> None:
    """Load what a new classifier starts from, as its job says.

    Args:
        model: a new one; on PyTorch's meta device the weights are only checked.
        weights: as in :func:`build_classifier`.

    Raises:
        UserError: the weights are missing, unreadable or do not fit trunk or heads.
    """
    job = model.job
    if job.weights != "none":
        own = model.trunk.state_dict()
        keep = (*model.form.left_out, HEAD)
        state = fitted(read_weights(job.weights, weights, job.trunk), own, keep)
        check_padding(state, job.trunk)
        state = renamed(state, job.trunk, job.training.method)
        state = of_lukemelas(state, own)
        load_trunk(model.trunk, job.trunk, state, job.weights, model.form)
        if job.training.head != "scratch":
            others = {name: value for name, value in state.items() if name not in own}
            load_head(model.head, job.trunk, others, job)
    elif job.training.head != "scratch":
        raise UserError(f"head: {job.training.head}: give `weights` that have a head.")
    elif job.training.frozen_stages:
        raise UserError(
            f"frozen_stages: {job.training.frozen_stages}: without weights the frozen stages would "
            "stay as they are drawn. Give `weights`, or leave the key out."
        )


def save_model(model: Classifier, path: str | Path, provenance: dict[str, str]) -> None:
    """Write the weights atomically, with what is needed to rebuild the model as metadata."""
    about = {
        "job": model.job.model_dump(mode="json"),
        "num_classes": model.num_classes,
        "provenance": provenance,
    }
    write_weights(path, model.state_dict(), about)


def load_model(path: str | Path) -> Classifier:
    """Rebuild a trained classifier from its file, in evaluation mode, on the CPU.

    Raises:
        UserError: the file is missing, no weights file of this study, a trunk alone, or damaged
            (it is moved aside).
    """
    state, about = read_own_weights(Path(path))
    if not any(name.startswith(HEAD) for name in state):
        raise UserError(f"{path} holds a trunk to start from, without a head. Train a model first.")
    model = Classifier(TrainJob.model_validate(about["job"]), about["num_classes"])
    model.load_state_dict(state)
    return model.eval()
