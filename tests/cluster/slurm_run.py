"""The default study, small, through the profiles for Slurm; its tables are compared.

As root, where `slurm_node.sh install` and the extra `cluster` are installed:

    python tests/cluster/slurm_run.py FOLDER [slurm] [slurm_gres] [arrays]

runs the study in copies of this checkout: in FOLDER/local by itself, and for each word in
FOLDER/WORD on a Slurm cluster of one node (slurm_node.sh), with that profile, or with array jobs
and profiles/slurm. There a training is cancelled in its middle. It ends with an error unless the
training was retried and went on from its checkpoint, every table, map and score has the same bytes,
every job that asked for a GPU was granted one, and what was to run in arrays did. The cluster is
always stopped, and its logs stay in FOLDER/WORD_node. Without a word: all three.
"""

import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from workflow_run import CHECKOUT, copy_checkout, snakemake

NODE = Path(__file__).with_name("slurm_node.sh")
CANCELLED = "calm_em"  # the variant whose training is cancelled
EPOCHS = 20  # of this variant: long enough to be cancelled between its first epoch and its last
# what a user writes in the profile; without accounting, any account will do
SITE = {"GPU_PARTITION": "gpu", "PARTITION": "cpu", "ACCOUNT": "tests"}
WAYS = ("slurm", "slurm_gres", "arrays")
# what runs in arrays: rules of which several jobs are ready at the same time
IN_ARRAYS = ("shards", "figure", "wsol", "cue_localization")
COMPARED = ("tables", "maps", "scores", "cues", "datasets")

STAND_IN = '''

def use_machine(gpus: int = 0, threads: int = 2, workers: int = 2) -> Machine:
    """For a node whose GPUs are empty devices: check what Slurm granted, compute on the CPU."""
    import os

    import torch

    granted = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if not gpus and os.environ.get(GRES):
        gpus = _granted()
    if len(granted.split(",")) != gpus if gpus else granted:
        raise UserError(f"{gpus} GPU(s) expected, but CUDA_VISIBLE_DEVICES={granted!r}")
    print(f"granted GPUs: {gpus}, CUDA_VISIBLE_DEVICES={granted!r}")
    torch.set_num_threads(threads)
    return Machine("cpu", gpus, threads, workers)
'''


def main(folder: Path, ways: tuple[str, ...]) -> None:
    """Run the study by itself and in each way, compare, report."""
    if folder.exists():
        sys.exit(f"{folder} exists. Name a folder that does not.")
    local = folder / "local"
    make_study(local)
    started = time.monotonic()
    status, output = snakemake(local, "--cores", "2", config="small.yaml")
    (folder / "local.log").write_text(output)
    check(status == 0, f"the local run failed: {folder / 'local.log'}")
    say(f"local run: {time.monotonic() - started:.0f} s")
    for way in ways:
        say(f"{way}:")
        on_slurm(folder, way)
        compare(local / "results", folder / way / "results")


def on_slurm(folder: Path, way: str) -> None:
    """Run the study on a cluster, and check what Slurm did."""
    cluster, node, log = folder / way, folder / f"{way}_node", folder / f"{way}.log"
    profile = "slurm" if way == "arrays" else way
    make_study(cluster)
    for_this_site(cluster, profile)
    arrays = ("--slurm-array-jobs", ", ".join(IN_ARRAYS)) if way == "arrays" else ()
    started = time.monotonic()
    try:
        subprocess.run([NODE, "start", node], check=True)
        status = run_and_cancel(cluster, log, profile, *arrays)
        completed = (node / "logs" / "jobs.log").read_text()
    finally:
        subprocess.run([NODE, "stop", node], check=True)
    check(status == 0, f"the run on Slurm failed: {log}")
    say(f"run on Slurm: {time.monotonic() - started:.0f} s")
    report_jobs(cluster, completed)
    if arrays:
        report_arrays(cluster)


def make_study(checkout: Path) -> None:
    """A copy of the checkout with the config ``small.yaml``."""
    copy_checkout(checkout)
    (checkout / "small.yaml").write_text(yaml.safe_dump(small_study(), sort_keys=False))


def small_study() -> dict:
    """The default study with few, small images, two of its models, and fewer methods."""
    study = yaml.safe_load((CHECKOUT / "config" / "config.yaml").read_text())
    study["training"] |= {"crop": 40, "batch_size": 8}
    study["methods"] = {"cam": ["cam"], "calm": ["joint", "saliency", "counterfactual"]}
    dataset = study["datasets"]["synthbirds"]
    dataset["draw"] |= {"classes": 8, "train_images": 4, "test_images": 3, "size": 64}
    dataset["images"] = {"train_size": 48, "eval_size": 40}
    del dataset["variants"]["calm_ml"]
    for variant in dataset["variants"].values():
        variant["epochs"] = 2
    dataset["variants"][CANCELLED]["epochs"] = EPOCHS
    study["evaluation"]["erase"] = {"images": 4, "methods": ["cam", "joint"]}
    for task in ("classification", "cue_localization", "wsol"):
        study["evaluation"].setdefault(task, {})["bootstrap"] = {"replicates": 20}
    return study


def for_this_site(checkout: Path, profile: str) -> None:
    """Fill in the profile as its README asks for, and replace what needs real GPUs."""
    file = checkout / "profiles" / profile / "profile.yaml"
    text = file.read_text()
    for word, name in SITE.items():
        text = re.sub(rf"\b{word}\b", name, text)
    file.write_text(text)
    with (checkout / "pipeline" / "runtime" / "machine.py").open("a") as stream:
        stream.write(STAND_IN)


def run_and_cancel(checkout: Path, log: Path, profile: str, *more: str) -> int:
    """Run the study on Slurm; cancel a training after its first epoch; Snakemake's exit status."""
    command = [
        *(sys.executable, "-m", "snakemake"),
        *("--workflow-profile", f"profiles/{profile}", "--configfile", "small.yaml"),
        # jobs of seconds are asked after sooner than the default of 40 s
        *("--slurm-init-seconds-before-status-checks", "10"),
        *more,
    ]
    with log.open("w") as stream:
        running = subprocess.Popen(command, cwd=checkout, stdout=stream, stderr=stream)
        try:
            cancel_training(checkout, running)
            return running.wait()
        finally:
            if running.poll() is None:
                running.terminate()
                running.wait()


def cancel_training(checkout: Path, running: subprocess.Popen) -> None:
    """Wait until the training has a checkpoint, and cancel its job."""
    logs = checkout / "results" / "logs" / "train"
    while running.poll() is None:
        time.sleep(0.1)
        found = list(logs.glob(f"synthbirds/*/{CANCELLED}/*.log"))
        if not found or "epoch 2/" not in found[0].read_text():
            continue
        queue = subprocess.run(
            ["squeue", "--noheader", "--states=RUNNING", "--format=%i %k"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        job = re.search(rf"^(\d+) rule_train_.*{CANCELLED}.*$", queue, re.MULTILINE)
        check(job, f"the training is not in the queue:\n{queue}")
        subprocess.run(["scancel", job[1]], check=True)
        say(f"cancelled Slurm's job {job[1]} ({job[0].split(maxsplit=1)[1]})")
        return


def report_jobs(checkout: Path, completed: str) -> None:
    """Check the states of Slurm's jobs, the grants of GPUs and the resumed training."""
    states = Counter(re.findall(r"JobState=(\w+)", completed))
    partitions = Counter(re.findall(r"Partition=(\w+)", completed))
    say(f"Slurm's jobs by state: {dict(states)}, by partition: {dict(partitions)}")
    check(states.keys() == {"COMPLETED", "CANCELLED"} and states["CANCELLED"] == 1, "see above")

    logs = [path.read_text() for path in (checkout / "results" / "logs").rglob("*.log")]
    granted = Counter(re.findall(r"granted GPUs: (.+)", "\n".join(logs)))
    say(f"logs of jobs that asked for GPUs: {dict(granted)}")
    check(granted.total() == partitions["gpu"] - 1, "not every job on the GPU partition had one")

    (training,) = (checkout / "results" / "logs" / "train").glob(f"synthbirds/*/{CANCELLED}/*.log")
    resumed = re.search(r"resuming after epoch (\d+)", training.read_text())
    check(resumed, f"the cancelled training did not go on: {training}")
    say(f"the retried training: {resumed[0]} of {EPOCHS}")


def report_arrays(checkout: Path) -> None:
    """Check that the rules that were to run in arrays did, by Slurm's logs of their jobs."""
    for rule in IN_ARRAYS:
        logs = (checkout / ".snakemake" / "slurm_logs" / f"rule_{rule}").glob("*_*.log")
        arrays = Counter(log.stem.split("_")[0] for log in logs)
        say(f"arrays of {rule}, each with its number of jobs: {list(arrays.values())}")
        check(arrays and min(arrays.values()) > 1, f"no array of {rule}")


def compare(one: Path, other: Path) -> None:
    """End with an error unless both have the same files with the same bytes."""
    names = [
        {p.relative_to(results) for part in COMPARED for p in (results / part).rglob("*.*")}
        for results in (one, other)
    ]
    names = [
        found | {p.relative_to(r) for p in r.rglob("weights.safetensors")}
        for found, r in zip(names, (one, other), strict=True)
    ]
    check(names[0] == names[1] and names[0], f"other files: {names[0] ^ names[1]}")
    different = [n for n in sorted(names[0]) if (one / n).read_bytes() != (other / n).read_bytes()]
    kinds = Counter(name.parts[0] for name in names[0])
    say(f"compared with the local run: {dict(kinds)}; with different bytes: {len(different)}")
    check(not different, f"different bytes: {different}")


def check(condition: object, problem: str) -> None:
    """End with an error unless the condition holds."""
    if not condition:
        sys.exit(f"error: {problem}")


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


if __name__ == "__main__":
    folders, ways = sys.argv[1:2], tuple(sys.argv[2:])
    if not folders or not {*ways} <= {*WAYS}:
        sys.exit(__doc__)
    main(Path(folders[0]).resolve(), ways or WAYS)
