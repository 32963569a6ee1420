"""Results to an offline run of Weights & Biases, which `wandb sync` sends."""

from pathlib import Path

from pipeline.settings import Wandb
from pipeline.tracking.results import Results, package


def push(results: Results, section: Wandb, folder: Path) -> dict[str, str]:
    """Make a run in ``folder``, and give its id and the command that sends it.

    Scores are its summary; PNG figures are shown, and all files are in an artefact.

    Raises:
        UserError: wandb is not installed.
    """
    wandb = package("wandb")
    run = wandb.init(
        project=section.project,
        name=results.title,
        config=results.config | {"provenance": results.tags},
        dir=str(folder),
        mode="offline",
        settings=wandb.Settings(silent=True, console="off", disable_git=True),
    )
    run.summary.update(results.scores)
    pictures = {
        place: wandb.Image(str(path))
        for place, path in results.files.items()
        if path.suffix == ".png"
    }
    run.log(pictures)
    files = wandb.Artifact(f"results-{run.id}", type="results")
    for place, path in results.files.items():
        files.add_file(str(path), name=place)
    run.log_artifact(files)
    own = Path(run.dir).parent  # run.dir has the files that it names itself
    run.finish()
    return {"run": run.id, "send": f"wandb sync {own}"}
