"""Sections of the experiment trackers that a study's results are sent to."""

from pydantic import Field

from pipeline.settings.base import FilePath, Section


class Mlflow(Section):
    """A run in MLflow."""

    uri: FilePath = Field(
        description="a tracking server, https://..., or a folder; its user and password are in "
        "MLflow's own environment variables"
    )
    experiment: str | None = Field(None, description="its name; null: the study's title")


class Wandb(Section):
    """An offline run of Weights & Biases, in RESULTS/tracked; `wandb sync` sends it."""

    project: str = Field("calm-study", description="its name", min_length=1)


class Trackers(Section):
    """Where config, scores, report and figures are sent when the report is written."""

    mlflow: Mlflow | None = None
    wandb: Wandb | None = None
