"""Opening and building all models of a study before any of its jobs runs.

``python -m pipeline.command.open_models --section STUDY``, which the workflow runs at its start.
"""

from pipeline.command.given_models import opened
from pipeline.command.trained_models import built
from pipeline.runtime import cli
from pipeline.runtime.errors import UserError
from pipeline.study.jobs import Study


def run(argv: list[str]) -> None:
    """Command line: nothing if all models can be used.

    Raises:
        UserError: some cannot; the message names all of them.
    """
    arguments = cli.parser("pipeline.command.open_models", "Open and build a study's models.")
    cli.add_section(arguments, Study)
    study = cli.read_section(arguments.parse_args(argv).section, Study)
    found = (*built(study), *opened(study))
    wrong = dict.fromkeys(f"{key}: {text}" for key, usable, text in found if not usable)
    if wrong:
        raise UserError("\n".join(wrong))


if __name__ == "__main__":
    cli.main(run)
