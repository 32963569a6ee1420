"""Sections of tables and figures."""

from pydantic import Field

from pipeline.settings.attribution import Target
from pipeline.settings.base import Count, Positive, Section, Seed
from pipeline.settings.data import SupersetKind


class Report(Section):
    """Figures and report.html."""

    dpi: Count = Field(110, description="resolution of PNG figures, dots per inch")
    gallery_images: Count = Field(
        6, description="test images in the gallery and in the figure of ever larger supersets"
    )
    gallery_pairs: Count = Field(6, description="class pairs in the counterfactual figure")
    kinds_images: Count = Field(
        3, description="test images in the figures that show every kind of map, or every method"
    )
    explorer_megabytes: Positive = Field(
        16,
        description="most that the test images and maps of the explorer may take in report.html, "
        "10^6 bytes; data sets and architectures share it equally. An image costs about 4 to 10 kB "
        "and 0.4 kB for each of its maps; where not all fit in, they are drawn at random",
    )
    seed: Seed = Field(0, description="seed of the choice of images and pairs")


class ModelNote(Section):
    """What a table says about a model besides its scores.

    Attributes:
        trunk: of the model.
        method: by which it was trained.
        reference: the method whose map the others of the model are compared with.
    """

    trunk: str
    method: str
    reference: str = "cam"


class TablesJob(Section):
    """What the tables need to know of the config; models are named DATASET/ARCHITECTURE/VARIANT.

    Attributes:
        supersets: data set -> the kind of its supersets, of those with maps of supersets.
    """

    protocol: str
    level: float = 0.95
    normalisations: tuple[str, ...]
    target: Target = "logit"
    models: dict[str, ModelNote]
    supersets: dict[str, SupersetKind] = Field(default_factory=dict)
