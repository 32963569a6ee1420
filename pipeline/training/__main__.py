"""Command line of the stage: one model -> its weights, history and metrics."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.artefacts.files import atomic_path, write_json
from pipeline.models.classifier import save_model
from pipeline.runtime.cli import add_section, main, parser, read_section
from pipeline.settings import TrainJob
from pipeline.training import checkpoints
from pipeline.training.fitting import add_inputs, fit, overridden
from pipeline.training.loop import HISTORY


def run(argv: list[str]) -> None:
    """Command line of the stage."""
    arguments = parser("pipeline.training", "Train one model and write its weights and history.")
    add_section(arguments, TrainJob)
    arguments.add_argument(
        "--overrides", type=Path, nargs="?", help="best.json of a search: its keys win"
    )
    add_inputs(arguments)
    arguments.add_argument("--out", type=Path, required=True, help="folder of the results")
    given = arguments.parse_args(argv)
    job = read_section(given.section, TrainJob)
    if given.overrides:
        job = overridden(job, given.overrides)

    fitted = fit(job, given)
    with atomic_path(given.out / "history.csv") as temporary:
        pd.DataFrame(fitted.history, columns=HISTORY).to_csv(temporary, index=False)
    write_json(given.out / "section.json", job.model_dump(mode="json"))
    rows = fitted.history[-1].items() if fitted.history else ()
    last = {key: value for key, value in rows if np.isfinite(value)}
    metrics = {"last_epoch": last, "provenance": fitted.provenance}
    if fitted.constant:
        metrics["best_constant"] = fitted.constant._asdict()
    write_json(given.out / "metrics.json", metrics)
    save_model(fitted.model.cpu(), given.out / "weights.safetensors", fitted.provenance)
    checkpoints.clear(fitted.checkpoint)


if __name__ == "__main__":
    main(run)
