"""An external classifier, explained and measured unaltered: images -> logits.

`GivenModel` has the interface of `pipeline.models.classifier.Classifier`. Where the network's end
has class activations (`pipeline.models.ends`) they are its maps, and CAM is possible. Otherwise the
"map" of a class is its logit alone, one cell; methods that need logits alone work on it, and the
Grad-CAM family at its last layer with a map, or at the one that is named.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from pipeline.models.ends import Call, calls_of, end_of, is_close, spatial_layers
from pipeline.models.given_parts import (
    SIDE,
    CamEnd,
    GivenHead,
    GivenTrunk,
    LayerEnd,
    LogitEnd,
    NoTrunk,
    Whole,
)
from pipeline.models.intake import Wanted
from pipeline.models.probing import check_alone, logits_of, probe
from pipeline.runtime.errors import UserError
from pipeline.runtime.validation import nearest


class GivenModel(nn.Module):
    """An external classifier, explained and measured unaltered.

    Args:
        network: images (B, 3, S, S) -> logits (B, C).
        wanted: images come as those of a study, and are converted to what the network takes; None:
            they come as it takes them.
        layer: name of the module at which the Grad-CAM family looks; None: found.
        chosen: the network's outputs that are measured, in the order of the labels; None: all.
            Probabilities are over these.
        side: of the images that the network is tried on, where ``wanted`` has none, pixels.
        of_library: what its library says that it takes, if it has one; kept, not applied.

    Raises:
        UserError: it fails on an image, gives no logits, or has no such layer.
    """

    def __init__(
        self,
        network: nn.Module,
        wanted: Wanted | None = None,
        *,
        layer: str | None = None,
        chosen: Sequence[int] | None = None,
        side: int = SIDE,
        of_library: Wanted | None = None,
    ) -> None:
        super().__init__()
        if any(isinstance(each, torch.jit.ScriptModule) for each in network.modules()):
            raise UserError(
                "The network is a TorchScript module, into which no method can look. Give the "
                "network that it was made from, with its weights."
            )
        lazy = [name for name, each in network.named_parameters() if is_lazy(each)]
        if lazy:
            raise UserError(
                f"The network's {lazy[0]} has no shape yet, as it is a lazy module. Pass one batch "
                "of images through the network before you give it."
            )
        if any(each.dtype != torch.float32 for each in network.parameters()):
            network.float()  # half precision, or double: images are float32
        self.whole = Whole(network, wanted, chosen).eval().requires_grad_(False)
        self.side = (wanted and wanted.side) or side
        images = probe(self.side)
        logits = logits_of(network, self.whole.intake(images))
        self.outputs = logits.shape[1]
        self.layer = layer
        self.of_library = of_library
        self.spec = ""  # what builds its network, where it is known
        self.looked_at = ""  # name of the layer of the Grad-CAM family, where it is not the end's
        calls = calls_of(network, self.whole.intake(images).clone())
        end = end_of(calls, logits)
        named = None if layer is None else _named(network, layer, calls)
        if end and (named is None or named.module is end.place):
            self.head: GivenHead = CamEnd(self.whole, end)
            self.trunk: nn.Module = GivenTrunk(self.whole, end.place, end.finish, end.before)
        else:
            self._at_layer(calls, named, images)

    def _at_layer(self, calls: list[Call], named: Call | None, images: Tensor) -> None:
        """Stand on a layer's output, through which all must pass."""
        self.head, self.trunk = LogitEnd(), NoTrunk()
        for call in [named] if named else spatial_layers(calls):
            trunk = GivenTrunk(self.whole, call.module)
            head = LayerEnd(self.whole, call.module, trunk)
            with torch.no_grad():
                rest = head(trunk(images)["features"])[:, :, 0, 0]
                if is_close(rest, self.whole(images)):
                    self.head, self.trunk, self.looked_at = head, trunk, call.name
                    return
            if named:
                raise UserError(
                    f"layer: the prediction does not depend on the output of {named.name!r} alone, "
                    "as other parts of the network pass it by. Name a later layer."
                )

    def check_alone(self) -> None:
        """Check that its logits of an image depend on this image alone.

        Raises:
            UserError: they do not.
        """
        check_alone(self.network, self.whole.intake(probe(self.side)))

    def choose(self, outputs: Sequence[int]) -> None:
        """Measure these outputs of the network, in the order of the labels, from now on."""
        self.whole.chosen = list(outputs)

    @property
    def num_classes(self) -> int:
        """The number of classes that are measured."""
        return self.outputs if self.whole.chosen is None else len(self.whole.chosen)

    @property
    def network(self) -> nn.Module:
        """The network itself, as it was given."""
        return self.whole.network

    @property
    def kind(self) -> str:
        """``"cam"`` where class activations are known, else ``"given"``."""
        return self.head.kind

    @property
    def has_features(self) -> bool:
        """Whether there is a layer with a map, at which the Grad-CAM family can look."""
        return not isinstance(self.trunk, NoTrunk)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.num_classes

    def forward(self, images: Tensor) -> Tensor:
        """Class activations (B, C, h, w), or the logits as (B, C, 1, 1)."""
        if isinstance(self.head, CamEnd):
            return self.head(self.trunk(images)["features"])
        return self.whole(images)[:, :, None, None]

    def class_maps(self, inputs: Tensor, maps: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        """The maps (K, h, w) of single classes: of images (K,) the classes ``labels`` (K,)."""
        return maps[images, labels]

    def logits(self, images: Tensor) -> Tensor:
        """The network's own output: (B, 3, S, S) -> (B, C)."""
        return self.whole(images)

    def log_probs(self, images: Tensor) -> Tensor:
        """log p(y|x), the log-softmax of the logits: (B, 3, S, S) -> (B, C)."""
        return F.log_softmax(self.logits(images), dim=1)

    def add_to_logits(self, shift: float) -> None:
        """Add a number to all logits from now on, which changes no probability."""
        if isinstance(self.head, CamEnd):
            self.head.register_forward_hook(lambda _head, _features, maps: maps + shift)
        self.whole.register_forward_hook(lambda _whole, _images, logits: logits + shift)


def _named(network: nn.Module, layer: str, calls: list[Call]) -> Call:
    """The call of the layer of a name.

    Raises:
        UserError: there is none, or its output is no map.
    """
    names = {call.name: call for call in calls}
    if layer not in names:
        raise UserError(f"layer: the network has no layer {layer!r}{nearest(layer, names)}.")
    call = names[layer]
    if call.found.ndim != 4 or call.found[0, 0].numel() < 2:
        raise UserError(
            f"layer: {layer!r} gives {tuple(call.found.shape)} for images {tuple(call.given.shape)}"
            ". Name a layer whose output is (B, channels, h, w) with more than one place."
        )
    return call
