"""Bad input as a user meets it: what the terminal says, and what is left behind.

The stages' own tests have many more kinds of it; here a damaged study is run as a whole.
"""

import shutil

from workflow_run import edit_config, snakemake

MODEL = "birds/small_pretrained/{}/seed0"
CAM, CALM = MODEL.format("cam"), MODEL.format("calm_em")


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garble(path):
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = b"?" * 64
    path.write_bytes(content)


def messages(output):
    """The stages' error messages, as the terminal shows them."""
    return [line for line in output.splitlines() if line.startswith("error: ")]


def test_damage_in_a_finished_study_is_named_and_mended(finished, study):
    results = study / "results"
    targets = (
        f"results/models/{CAM}/weights.safetensors",
        f"results/scores/classification/{CALM}/model.json",
        f"results/scores/cues/{CALM}/joint.json",
    )
    damaged = {
        results / "shards/birds/train/00000.tar": (cut, "bytes instead of"),
        results / "shards/birds/test/00000.tar": (garble, "is damaged"),
        results / f"maps/{CALM}/joint.h5": (cut, "joint.h5"),
    }
    for path, (damage, _) in damaged.items():
        damage(path)
    for target in targets:
        (study / target).unlink()

    status, output = snakemake(study, "--cores", "2", "--keep-going", *targets)
    assert status != 0
    shown = messages(output)
    assert len(shown) == 3, output
    for path, (_, said) in damaged.items():
        found = [line for line in shown if path.relative_to(study).as_posix() in line]
        assert len(found) == 1, shown
        assert said in found[0]
        assert "again" in found[0]  # the cure
    assert "Traceback" not in output
    for target in targets:
        assert not (study / target).exists()
    assert not (results / f"models/{CAM}/history.csv").exists()
    assert not list(results.rglob("*partial*"))

    for path in damaged:
        shutil.copy2(finished / path.relative_to(study), path)
    status, output = snakemake(study, "--cores", "2", *targets)
    assert status == 0, output
    for target in targets:
        assert (study / target).read_bytes() == (finished / target).read_bytes()


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
        datasets={name: {"root": root, "cues": False} for name, root in folders.items()},
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
