import re
import shutil
import subprocess
import sys

import pytest
from workflow_run import CHECKOUT, plan, snakemake


@pytest.mark.parametrize(
    ("config", "job"),
    [
        ("config", "attribute_calm synthbirds/small_pretrained/calm_em/seed0/test"),
        ("full", "attribute_noise synthbirds/small_pretrained/cam/seed0/test"),
        ("search", "search_draw synthbirds/small_pretrained/cam/9"),
        ("trunks", "train fewbirds/vgg16/inca/seed0"),
        ("paper", "wsol imagenet/resnet50/calm_ml/seed2/subset"),
        ("cub_gaze", "gaze_baseline cub/viewers"),
        ("cub_factors", "train cub/lite0/em_after_4/seed0"),
        ("cub_relu", "train cub/lite0/em_relu/seed0"),
        ("cub_10_epochs", "train cub/lite0/em_10_epochs/seed0"),
        ("cub_squeezenet", "train cub/squeezenet/em_plain/seed0"),
        ("cub_random_search", "search_draw cub/lite0/calm_em/7"),
        ("cub_grid", "train cub/native/calm_em/seed0"),
        ("cub_undilated", "train cub/undilated/calm_em/seed2"),
        ("cub_undilated_released", "cue_localization cub/undilated/cam/seed1/cam"),
        ("cub_read28", "attribute_calm cub/lite0/calm_em/seed0/test"),
        ("cub_wsol", "train cub/lite0/inca/seed0"),
        ("cub_wsol_seeds", "train cub/lite0/cutmix/seed2"),
        ("cub_wsol_search", "search_draw cub/lite0/spg/7"),
        ("cub_erasing", "erase_random cub/lite0/calm_em/seed0"),
        ("imagenet_methods", "attribute_noise imagenet/lite0/lite0/seed0/test"),
        ("cub_released", "cue_localization cub/lite0/calm_em/seed0/joint"),
    ],
)
def test_shipped_configs_can_be_planned(checkout, config, job):
    """Also where the data is not there: a plan reads no file of a data set."""
    assert job in plan(checkout, "--forceall", config=f"config/{config}.yaml")


def test_a_job_has_one_input_for_all_of_its_code(checkout):
    """A plan takes as long as its jobs have inputs, and a stage may have a hundred modules."""
    status, output = snakemake(checkout, "--dry-run")
    assert status == 0, output
    inputs = [
        line.split(": ")[1].split(", ") for line in output.splitlines() if "  input: " in line
    ]
    lists = [[file for file in files if file.endswith(".sha256")] for files in inputs]
    assert {len(found) for found in lists} == {0, 1}
    assert sum(not found for found in lists) == 1  # rule all
    assert not any(file.endswith(".py") for files in inputs for file in files)


def test_files_of_several_stages_can_be_asked_for_in_a_new_folder(checkout):
    """Snakemake plans one after the other, in any order, and looks into a folder only once."""
    lists = checkout / ".snakemake/calm-study/code"
    shutil.rmtree(lists, ignore_errors=True)
    targets = (
        "results/figures/synthbirds/small_pretrained/training.svg",
        "results/scores/wsol/synthbirds/baselines/center_gaussian.json",
        "results/scores/cue_localization/synthbirds/baselines/chance.json",
        "results/scores/erase/synthbirds/small_pretrained/calm_em/seed0/joint.json",
        "results/maps/synthbirds/small_pretrained/cam/seed0/test/gradient.h5",
    )
    status, output = snakemake(checkout, "--dry-run", *targets, config="config/config.yaml")
    assert status == 0, output
    assert len([*lists.iterdir()]) > len(targets)


def test_the_rules_import_nothing_heavy():
    rules = (CHECKOUT / "workflow/rules/common.smk").read_text()
    imports = re.findall(r"^from pipeline\S* import (?:\([^)]+\)|.+)$", rules, re.MULTILINE)
    assert len(imports) > 20  # they are found
    code = "\n".join(
        ("import sys", *imports, "print({'torch', 'scipy', 'numpy', 'pandas'} & {*sys.modules})")
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
