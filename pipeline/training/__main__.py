"""Command line of the stage: one model -> its weights, history and metrics."""

from pathlib import Path

import numpy as np

from pipeline.artefacts.files import write_plain_json
from pipeline.artefacts.paths import METRICS
from pipeline.artefacts.trainings import write_history, write_metrics
from pipeline.models.classifier import save_model
from pipeline.runtime.cli import add_section, main, parser, read_section
from pipeline.runtime.machine import add_machine, machine_from
from pipeline.settings import TrainJob
from pipeline.training import checkpoints
from pipeline.training.fitting import Fitted, fit, overridden
from pipeline.training.inputs import add_inputs, inputs_from


def save(fitted: Fitted, job: TrainJob, out: Path) -> None:
    """Write a training's weights, history, metrics and resolved section; clear its checkpoint.

    Args:
        fitted: from :func:`pipeline.training.fitting.fit`.
        job: as it was trained.
        out: folder to write to.
    """
    history, section = out / "history.csv", out / "section.json"
    write_history(history, fitted.history)
    write_plain_json(section, job.model_dump(mode="json"))
    rows = fitted.history[-1].items() if fitted.history else ()
    last = {key: value for key, value in rows if np.isfinite(value)}
    constant = fitted.constant._asdict() if fitted.constant else None
    write_metrics(out / METRICS, last, fitted.provenance, constant, (history, section))
    save_model(fitted.model.cpu(), out / "weights.safetensors", fitted.provenance)
    checkpoints.clear(fitted.checkpoint)


def run(argv: list[str]) -> None:
    """Command line of the stage."""
    arguments = parser("pipeline.training", "Train one model and write its weights and history.")
    add_section(arguments, TrainJob)
    arguments.add_argument(
        "--overrides", type=Path, nargs="?", help="best.json of a search: its keys win"
    )
    add_inputs(arguments)
    add_machine(arguments)
    arguments.add_argument("--out", type=Path, required=True, help="folder of the results")
    given = arguments.parse_args(argv)
    job = read_section(given.section, TrainJob)
    if given.overrides:
        job = overridden(job, given.overrides)
    save(fit(job, inputs_from(given), machine_from(given)), job, given.out)


if __name__ == "__main__":
    main(run)
