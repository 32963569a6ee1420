"""A classifier = trunk + head, the weights that it starts from, and its file.

A weights file is safetensors whose metadata holds the model's config section, so that it can be
rebuilt from the file alone.
"""

import json
from pathlib import Path

import safetensors
import safetensors.torch
import torch
import torchvision
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.files import atomic_path, canonical_json
from pipeline.models.backbones import TRUNKS, build_trunk
from pipeline.models.heads import HEADS, location_parameters
from pipeline.settings import Training, TrainJob


class Classifier(nn.Module):
    """Images (B, 3, S, S), normalised -> maps (B, C, h, w); see `pipeline.models.heads`."""

    def __init__(self, job: TrainJob, outputs: int) -> None:
        super().__init__()
        self.job = job
        self.num_classes = outputs
        self.trunk = build_trunk(job.trunk)
        self.head = HEADS[job.training.method](TRUNKS[job.trunk].channels, outputs, job.training)

    @property
    def kind(self) -> str:
        """``"cam"``, ``"calm"`` or ``"attributes"``: what the maps are."""
        return self.head.kind

    def forward(self, images: Tensor) -> Tensor:
        """Maps of all classes (B, C, h, w), float32."""
        return self.head(self.trunk(images)["features"])

    def log_probs(self, maps: Tensor) -> Tensor:
        """log p(y|x) (B, C) from the maps."""
        return self.head.log_probs(maps)

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """The training loss (scalar, nats, mean over the batch) from the maps."""
        return self.head.loss(maps, labels)

    def parameter_groups(self, training: Training) -> list[dict]:
        """Optimiser groups: trunk; last block and class branch; location branch.

        The names and rates are explicit, so that no parameter changes group by accident.
        """
        last_block = TRUNKS[self.job.trunk].last_block
        trunk, fast = [], list(self.head.classes.parameters())
        for name, parameter in self.trunk.named_parameters():
            (fast if name.startswith(last_block) else trunk).append(parameter)
        head_lr = training.lr * training.head_lr_ratio
        groups = [
            {"name": "trunk", "params": trunk, "lr": training.lr},
            {"name": "head", "params": fast, "lr": head_lr},
            {
                "name": "location",
                "params": location_parameters(self.head),
                "lr": head_lr * training.location_lr_ratio,
            },
        ]
        return [group for group in groups if group["params"]]


def build_classifier(job: TrainJob, outputs: int, weights: Path | None = None) -> Classifier:
    """A new classifier: heads drawn from ``job.seed``, trunk from ``job.weights``.

    Args:
        job: trunk, weights and training keys.
        outputs: number of classes (or attributes).
        weights: the file behind ``job.weights`` where that is a path or a model of the study.

    Raises:
        UserError: the weights are missing, unreadable or do not fit the trunk.
    """
    torch.manual_seed(job.seed)
    model = Classifier(job, outputs)
    if job.weights.startswith("torchvision:"):
        name = job.weights.removeprefix("torchvision:")
        try:
            state = torchvision.models.get_weight(name).get_state_dict(check_hash=True)
        except (ValueError, AttributeError) as error:
            raise UserError(f"weights: torchvision knows no {name!r} ({error}).") from error
        except OSError as error:
            raise UserError(
                f"weights: torchvision could not download {name!r} ({error}). "
                "Download it where there is a network and give its path instead."
            ) from error
        _load_trunk(model.trunk, state, job)
    elif job.weights != "none":
        _load_trunk(model.trunk, _read_state(Path(weights or job.weights)), job)
    return model


def save_model(model: Classifier, path: str | Path, provenance: dict[str, str]) -> None:
    """Write the weights atomically, with what is needed to rebuild the model as metadata."""
    about = {
        "job": model.job.model_dump(mode="json"),
        "num_classes": model.num_classes,
        "provenance": provenance,
    }
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    with atomic_path(path) as temporary:
        # one entry only: safetensors writes several in a random order
        safetensors.torch.save_file(state, temporary, metadata={_ABOUT: canonical_json(about)})


_ABOUT = "model"


def load_model(path: str | Path) -> Classifier:
    """Rebuild a trained classifier from its file, in evaluation mode, on the CPU.

    Raises:
        UserError: the file is missing, cut short, or no weights file of this study.
    """
    state = _read_safetensors(Path(path))
    about = read_about(path)
    job = TrainJob.model_validate(about["job"])
    model = Classifier(job, about["num_classes"])
    model.load_state_dict(state)
    return model.eval()


def read_about(path: str | Path) -> dict:
    """What a weights file says of its model: job, num_classes, provenance.

    Raises:
        UserError: the file is missing, cut short, or no weights file of this study.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
    except (safetensors.SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error
    if _ABOUT not in metadata:
        raise UserError(f"{path} holds weights, but not of a model trained by this study.")
    return json.loads(metadata[_ABOUT])


def _read_state(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        state = _read_safetensors(path)
        ours = {k.removeprefix("trunk."): v for k, v in state.items() if k.startswith("trunk.")}
        return ours or state
    if not path.is_file():
        raise UserError(f"weights: {path} is missing. Correct the path in `architectures`.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a broken file
        raise UserError(f"weights: {path} is not a PyTorch state dict ({error}).") from error


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise UserError(f"weights: {path} is missing. Train it, or correct the path.")
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str | Path, error: Exception) -> UserError:
    return UserError(
        f"weights: {path} cannot be read ({error}); it may be cut short. Delete it and run again."
    )


def _load_trunk(trunk: nn.Module, state: dict[str, Tensor], job: TrainJob) -> None:
    """Load a trunk; tensors of the network's removed parts are ignored, all else must fit."""
    own = trunk.state_dict()
    removed = set(TRUNKS[job.trunk].build().state_dict()) - set(own)
    missing = sorted(own.keys() - state.keys())
    # older PyTorch files lack the batch counters, which only matter for cumulative statistics
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    unexpected = sorted(state.keys() - own.keys() - removed)
    misfits = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
        for name in sorted(own.keys() & state.keys())
        if state[name].shape != own[name].shape
    ]
    problems = [
        f"{what}: {', '.join(names[:8])}{' ...' if len(names) > 8 else ''} ({len(names)})"
        for what, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", misfits),
        )
        if names
    ]
    if problems:
        raise UserError(
            f"weights {job.weights!r} do not fit trunk {job.trunk!r}: {'; '.join(problems)}. "
            "Choose the weights of this trunk, or the trunk of these weights."
        )
    trunk.load_state_dict({name: state[name] for name in own if name in state}, strict=False)
