"""Stage 5 for a model from elsewhere: opened, checked and kept, not trained.

``python -m pipeline.training.given``.
"""

import logging
from pathlib import Path

from pipeline.artefacts.classes import read_class_names
from pipeline.artefacts.files import digest, sha256, write_plain_json
from pipeline.artefacts.paths import METRICS
from pipeline.artefacts.trainings import write_metrics
from pipeline.models.wrapping import open_given, save_given
from pipeline.runtime.cli import add_section, main, parser, read_section
from pipeline.runtime.codegraph import code_digest
from pipeline.settings.given import GivenJob

log = logging.getLogger(__name__)


def keep(job: GivenJob, classes: Path, out: Path, files: list[Path]) -> None:
    """Write a model's weights file, and what is known of it, into a folder.

    Args:
        job: which model.
        classes: classes.csv of the data set.
        out: the folder.
        files: that decide the model besides the job: its weights, its classes, its code.

    Raises:
        UserError: the model cannot be opened, or does not fit the classes.
    """
    model, note = open_given(job, read_class_names(classes))
    provenance = {
        "config": digest(job.model_dump(mode="json")),
        "code": code_digest("pipeline.training.given"),
        "read": note,
        **{f"sha256 of {file}": sha256(file) for file in files},
    }
    section = out / "section.json"
    write_plain_json(section, job.model_dump(mode="json"))
    write_metrics(out / METRICS, {}, provenance, None, [section])
    save_given(model, job, out / "weights.safetensors", provenance)
    log.info("%s; %d classes", note, model.num_classes)


def run(argv: list[str]) -> None:
    """Command line: a model from elsewhere -> its weights file and what is known of it."""
    arguments = parser("pipeline.training.given", "Open a model from elsewhere and keep it.")
    add_section(arguments, GivenJob)
    arguments.add_argument("--classes", type=Path, required=True, help="classes.csv")
    arguments.add_argument("--files", type=Path, nargs="*", default=[], help="that decide it")
    arguments.add_argument("--out", type=Path, required=True, help="folder of the results")
    given = arguments.parse_args(argv)
    keep(read_section(given.section, GivenJob), given.classes, given.out, given.files)


if __name__ == "__main__":
    main(run)
