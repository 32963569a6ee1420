"""Which ways of training there are: one entry each, read by the config without PyTorch.

A training method is a head, a class in ``pipeline/models/<module>.py`` (`pipeline.models.heads`
says what a head has).
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class TrainingMethod:
    """One training method.

    Attributes:
        module: of its head, in ``pipeline.models``.
        head: name of the class.
        kind: what the model's maps are, as ``kind`` of the head; it decides which attribution
            methods apply (attributes: none, the model is for pretraining).
        section: name of the class of its own options, a section in its module, if it has any.
    """

    module: str
    head: str
    kind: Literal["cam", "calm", "attributes"] = "cam"
    section: str = ""

    @property
    def code(self) -> str:
        """The dotted name of its module."""
        return f"pipeline.models.{self.module}"


REFERENCE = "cam"  # the one that tables and findings compare the others with

TRAINING_METHODS: dict[str, TrainingMethod] = {
    "cam": TrainingMethod("heads", "CamHead"),
    "calm_em": TrainingMethod("heads", "CalmEmHead", "calm"),
    "calm_ml": TrainingMethod("heads", "CalmMlHead", "calm"),
    "attributes": TrainingMethod("heads", "AttributesHead", "attributes"),
    "has": TrainingMethod("methods.has", "Has", section="HasOptions"),
    "acol": TrainingMethod("methods.acol", "Acol", section="AcolOptions"),
    "spg": TrainingMethod("methods.spg", "Spg", section="SpgOptions"),
    "adl": TrainingMethod("methods.adl", "Adl", section="AdlOptions"),
    "cutmix": TrainingMethod("methods.cutmix", "Cutmix", section="CutmixOptions"),
    "inca": TrainingMethod("methods.inca", "Inca", section="IncaOptions"),
}
