"""Bad input as a user meets it: what the terminal says, and what is left behind.

The stages' own tests have many more kinds of it; here a damaged study is run as a whole.
"""

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest
from fault_damage import KINDS, cut, damage, flip_a_bit, unnoticed
from fault_kills import end, orphans
from fault_power import renamed
from fault_readonly import locked, run_from
from fault_study import resuming, run, start
from fault_users import two_users
from workflow_run import edit_config, snakemake

from pipeline.artefacts.paths import Paths, fill

MODEL = "birds/small_pretrained/{}/seed0"
CAM, CALM = MODEL.format("cam"), MODEL.format("calm_em")


def messages(output):
    """The stages' error messages, as the terminal shows them."""
    return [line for line in output.splitlines() if line.startswith("error: ")]


def test_damage_in_a_finished_study_is_named_and_mended(finished, study):
    results = study / "results"
    targets = (
        f"results/scores/classification/{CALM}/model.json",
        f"results/scores/cue_localization/{CALM}/joint.json",
        f"results/scores/wsol/{CAM}/cam.json",
    )
    damaged = {
        "shards/birds/test/00000.tar": flip_a_bit,
        f"maps/{CALM}/test/joint.h5": cut,
        f"maps/{CAM}/test/cam.h5": flip_a_bit,
    }
    for name, how in damaged.items():
        unnoticed(how, results / name)
    for target in targets:
        (study / target).unlink()

    status, output = snakemake(study, *targets, "--cores", "2", "--keep-going")
    assert status != 0
    shown = messages(output)
    assert len(shown) == len(damaged), output
    for name in damaged:
        (found,) = [line for line in shown if name in line]
        assert "is damaged" in found
        assert "Run again" in found  # the cure
    assert "Traceback" not in output
    for target in targets:
        assert not (study / target).exists()
    assert not list(results.rglob("*partial*"))

    status, output = snakemake(study, *targets, "--cores", "2")
    assert status == 0, output
    for name in (*targets, *(f"results/{name}" for name in damaged)):
        assert (study / name).read_bytes() == (finished / name).read_bytes()


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ("emptied", "list of classes"),
        ("emptied", "figure, PNG"),
        ("cut short", "results per image"),
        ("a bit flipped", "score"),
    ],
)
def test_what_is_emptied_cut_or_flipped_is_named_and_made_again(finished, study, how, kind):
    # all kinds in all ways: fault_harness.py
    (row,) = damage(study, finished, how, [kind])
    assert row.recovered == 1, row


def test_results_that_a_table_reads_are_made_again_where_they_are_missing(finished, study):
    """A table must not do without them."""
    tables = "results/tables/tables.json"
    images = f"results/scores/cue_localization/{CALM}/joint.npz"
    for name in (tables, images):
        (study / name).unlink()
    status, output = snakemake(study, tables, "--cores", "2")
    assert status == 0, output
    for name in (tables, images):
        assert (study / name).read_bytes() == (finished / name).read_bytes()


# Files of the results whose loss harms nothing.
NOT_BROUGHT = (
    *("results/logs/", "results/benchmarks/", "results/checkpoints/"),
    "results/raw/",  # renamed as a whole, after everything is on the disk
)


def test_what_has_its_name_is_on_the_disk(finished):
    """Else a power failure may leave an empty file under it."""
    noted = renamed(finished)
    assert noted["results/raw/birds"]
    files = [path for path in (finished / "results").rglob("*") if path.is_file()]
    names = {path.relative_to(finished).as_posix() for path in files}
    wanted = {name for name in names if not name.startswith(NOT_BROUGHT)}
    wanted = {name for name in wanted if not name.endswith("/cache.json")}  # Snakemake's process
    assert len(wanted) > 50
    assert not wanted - noted.keys()  # written under its own name
    assert not {name for name in wanted if not noted[name]}  # renamed too early


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_two_users_of_a_machine_do_not_meet():
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are closed to others
        Path(place).chmod(0o755)
        for row in two_users(Path(place)):
            assert row.recovered == row.tried, row


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a folder")
def test_a_read_only_checkout_without_a_home(finished, study, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (study / "results").rename(work / "results")
    targets = (
        f"results/scores/cue_localization/{CALM}/joint.json",  # with functions of Numba
        "results/figures/birds/small_pretrained/training.svg",  # with Matplotlib
    )
    for name in targets:
        (work / name).unlink()
    with locked(study):
        with pytest.raises(OSError, match="Read-only"):
            (study / "new").touch()
        status, output = run_from(study, work, *targets)
    assert status == 0, output
    for name in targets:
        assert (work / name).read_bytes() == (finished / name).read_bytes()


# Files of a results folder that no fault is tried on, and why.
EXEMPT = {
    "raw": "a folder; the records are checked against it",
    "raw_manifest": "its SHA-256 is shown, nothing in it is read",
    "supersets": "read by methods that the tiny study lacks: tests/artefacts/test_hostile_files.py",
    "search": "a folder",
    "draw": "no search in the tiny study: tests/artefacts/test_hostile_files.py tries its kind",
    "best": "as a draw",
    "ledger": "as a draw: a table that JSON vouches for",
    "expected_best": "as the ledger",
    "fixations": "the tiny study has no gaze: Parquet as the records",
    "shard_samples": "of shards that lie elsewhere: Parquet as the records",
    "shard_cache": "copies of shards that lie elsewhere: tests/images/test_streaming.py",
    "map_chunk": "tests/attribution/test_join.py",
    "baseline_score": "a score as any other",
    "report": "no job reads it",
    "tracked": "no job reads it",
    "checkpoints": "rows of their own",
    "tensorboard": "no job reads it",
    "logs": "no job reads it",
    "benchmarks": "times alone; tests/report/test_facts.py",
}


def test_every_file_of_a_results_folder_is_damaged_or_exempt():
    known = {"dataset": "birds", "architecture": "small_pretrained", "variant": "calm_em"}
    known |= {"seed": "0", "split": "test", "method": "joint", "task": "cue_localization"}
    tried = {kind.path for kind in KINDS.values()}
    for name, pattern in vars(Paths("results")).items():
        if name in EXEMPT or name == "results":
            continue
        stem = fill(pattern, **known, table="cue_localization", figure="training")
        assert any(path.startswith(stem) for path in tried), name
    assert not EXEMPT.keys() - vars(Paths("results")).keys()


def test_a_training_shard_cut_short_is_named_and_mended(finished, study):
    weights = f"results/models/{CAM}/weights.safetensors"
    shard = "results/shards/birds/train/00000.tar"
    cut(study / shard)
    (study / weights).unlink()
    status, output = snakemake(study, weights, "--cores", "2")
    assert status != 0
    (shown,) = messages(output)
    assert f"{shard} has" in shown
    assert not (study / weights).with_name("history.csv").exists()
    status, output = snakemake(study, weights, "--cores", "2")
    assert status == 0, output
    for name in (weights, shard):
        assert (study / name).read_bytes() == (finished / name).read_bytes()


def test_damaged_weights_are_trained_anew(finished, study):
    weights = f"results/models/{CALM}/weights.safetensors"
    maps = f"results/maps/{CALM}/test/joint.h5"
    unnoticed(flip_a_bit, study / weights)
    (study / maps).unlink()
    status, output = snakemake(study, maps, "--cores", "2")
    assert status != 0
    assert len(messages(output)) == 1
    assert f"{weights} is damaged" in messages(output)[0]
    status, output = snakemake(study, maps, "--cores", "2")
    assert status == 0, output
    for name in (weights, maps):
        assert (study / name).read_bytes() == (finished / name).read_bytes()


def test_killed_twice_and_resumed_a_study_ends_with_the_same_bytes(finished, study):
    results = study / "results"
    made = (
        f"models/{CALM}/weights.safetensors",
        f"maps/{CALM}/test/joint.h5",
        f"scores/cue_localization/{CALM}/joint.json",
    )
    # written when the model is trained and not yet saved; when Snakemake starts the next job
    signs = (f"models/{CALM}/history.csv", f"logs/attribute/{CALM}/test/calm.log")
    for name in (*made, *signs):
        (results / name).unlink()
    resume = resuming(f"results/{made[-1]}")
    for sign, alone in zip(signs, (False, True), strict=True):
        process = start(study, resume)
        while not (results / sign).exists():
            assert process.poll() is None, (study / "printed.txt").read_text()
            time.sleep(0.001)
        end(process, signal.SIGKILL, alone=alone)
        assert not (results / made[-1]).exists()
    status, output = run(study, resume)
    assert status == 0, output
    assert not orphans(process)
    for name in made:
        assert (results / name).read_bytes() == (finished / "results" / name).read_bytes()
    assert not list(results.rglob("*partial*"))


def test_folders_that_are_no_data_set_are_named_with_the_cure(finished, checkout):
    drawn = finished / "results" / "raw" / "otherbirds"
    torn = shutil.copytree(drawn, checkout / "torn")
    image = sorted(torn.glob("images/*/*.jpg"))[3]
    cut(image)
    other = checkout / "otherlayout"
    (other / "images").mkdir(parents=True)
    folders = {"absent": "nowhere", "other": "otherlayout", "torn": "torn"}
    edit_config(
        checkout,
        datasets={
            name: {"root": root, "cue_localization": False} for name, root in folders.items()
        },
        architectures={},
    )
    status, output = snakemake(checkout, "--cores", "1", "--keep-going", "datasets")
    assert status != 0
    assert len(messages(output)) == 3, output
    for said in ("nowhere", "otherlayout", "images.txt", image.relative_to(checkout).as_posix()):
        assert said in output
    assert "Traceback" not in output
    assert not list((checkout / "results" / "datasets").rglob("*.*"))


def test_weights_that_do_not_fit_stop_the_training_that_uses_them(finished, study):
    edit_config(study, architectures__small_pretrained__weights="squeezenet.safetensors")
    weights = finished / "results/models/otherbirds/small/attributes/seed0/weights.safetensors"
    shutil.copy2(weights, study / "squeezenet.safetensors")
    edit_config(study, architectures__small_pretrained__trunk="squeezenet1_0")
    target = f"results/models/{CAM}/weights.safetensors"
    status, output = snakemake(study, "--cores", "2", target)
    assert status != 0
    assert len(messages(output)) == 1, output
    assert "do not fit trunk 'squeezenet1_0'" in output
    assert "Choose the weights of this trunk" in output
    assert not (study / target).exists()
