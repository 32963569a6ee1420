"""`--use-conda`: what is known without making the environment, as conda_run.py does."""

import shutil
from pathlib import Path

import pytest
import stand_in_conda
from workflow_run import CHECKOUT, snakemake

ENV = CHECKOUT / "envs" / "torch.yaml"


def test_the_environment_can_be_solved_as_it_stands():
    conda, pip = stand_in_conda.parts(ENV)
    assert {entry.split()[0] for entry in conda} == {"python", "pip"}
    assert not [line for line in pip if line.startswith(("-", ".", "/"))]  # the file is copied


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  - pip >=24\n",
            "  - pip >=24\n  - lightning-fabric >=2\n",
            "nothing provides lightning",
        ),
        ("python =3.11", "python =3.2", "nothing provides python =3.2"),
        ("pydantic==", "pydantic>=", "not pinned: pydantic"),
    ],
)
def test_the_stand_in_refuses_what_conda_would(tmp_path, old, new, message):
    changed = tmp_path / "env.yaml"
    text = Path(ENV).read_text()
    assert old in text
    changed.write_text(text.replace(old, new))
    with pytest.raises(SystemExit, match=message):
        stand_in_conda.parts(changed)


@pytest.mark.skipif(shutil.which("conda") is not None, reason="conda is there")
def test_without_conda_the_message_says_what_to_do(checkout):
    status, output = snakemake(checkout, "--use-conda", "--cores", "1")
    assert status != 0
    assert "--use-conda needs conda on the PATH" in output
    assert "leave --use-conda out" in output
    assert "Traceback" not in output
    assert not (checkout / "results").exists()
