"""Results to a run of MLflow, on a server or in a folder."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.runtime.errors import UserError
from pipeline.settings import Mlflow
from pipeline.tracking.results import Results, flat, package

LOGGED = 100  # numbers or parameters in one request; servers take no more parameters


def push(results: Results, section: Mlflow, folder: Path) -> dict[str, str]:
    """Make a run, and give its id and address. Config keys are its parameters, scores its metrics.

    Raises:
        UserError: MLflow is not installed, or the server cannot be reached or refuses something.
    """
    mlflow = package("mlflow")
    uri = section.uri
    if "://" not in uri:
        # a folder is what the user asked for; MLflow takes one only with its own consent as well
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        uri = Path(uri).resolve().as_uri()
    try:
        client = mlflow.MlflowClient(tracking_uri=uri)
        run = client.create_run(
            _experiment(client, section.experiment or results.title),
            run_name=results.title,
            tags=results.tags,
        ).info
        try:
            _log(client, mlflow.entities, run.run_id, results)
        except BaseException:
            client.set_terminated(run.run_id, "FAILED")
            raise
        client.set_terminated(run.run_id, "FINISHED")
    except mlflow.MlflowException as error:
        raise UserError(
            f"MLflow at {section.uri}: {error}. The results themselves are complete. Correct "
            "trackers.mlflow or the server, and run again."
        ) from error
    return {"uri": uri, "experiment": run.experiment_id, "run": run.run_id}


def _experiment(client: Any, name: str) -> str:
    known = client.get_experiment_by_name(name)
    return known.experiment_id if known else client.create_experiment(name)


def _log(client: Any, entities: Any, run: str, results: Results) -> None:
    params = [entities.Param(*each) for each in flat(results.config).items()]
    metrics = [entities.Metric(*each, 0, 0) for each in results.scores.items()]
    for batch in _batches(params):
        client.log_batch(run, params=batch)
    for batch in _batches(metrics):
        client.log_batch(run, metrics=batch)
    for place, path in results.files.items():
        folder = place.rpartition("/")[0]
        client.log_artifact(run, str(path), folder or None)


def _batches(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), LOGGED):
        yield rows[start : start + LOGGED]
