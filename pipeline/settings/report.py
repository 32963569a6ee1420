"""Sections of tables and figures."""

from pydantic import Field

from pipeline.settings.attribution import Target
from pipeline.settings.base import Count, Section, Seed


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
    explorer_images: Count = Field(
        12,
        description="test images in the explorer of report.html, of each data set and "
        "architecture; one costs about 10 kB, and 1.3 kB for each of its maps",
    )
    seed: Seed = Field(0, description="seed of the choice of images and pairs")


class ModelNote(Section):
    """What a table says about a model besides its scores."""

    trunk: str
    method: str


class TablesJob(Section):
    """What the tables need to know of the config; models are named DATASET/ARCHITECTURE/VARIANT."""

    protocol: str
    level: float = 0.95
    normalisations: tuple[str, ...]
    target: Target = "logit"
    models: dict[str, ModelNote]
