"""The profiles for clusters: what Slurm would be asked for, and whether Kubernetes' Job is one."""

import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from snakemake.cli import get_argument_parser

PROFILES = Path(__file__).parents[2] / "profiles"
GPU_OF_GRES = {"gpu": 0, "gres": "gpu:1", "granted_gpus": 1}


def profile(name):
    return yaml.safe_load((PROFILES / name / "profile.yaml").read_text())


def test_the_gres_profile_differs_in_the_gpus_alone():
    slurm, gres = profile("slurm"), profile("slurm_gres")
    for resources in slurm["set-resources"].values():
        if resources.get("slurm_partition") == "GPU_PARTITION":
            resources |= GPU_OF_GRES
    slurm["resources"] = ["granted_gpus=4"]
    assert gres == slurm


@pytest.mark.parametrize(
    ("name", "asked"), [("slurm", ["--gpus=1"]), ("slurm_gres", ["--gres=gpu:1"])]
)
def test_a_training_asks_slurm_for_one_gpu_in_one_way(name, asked):
    submit = pytest.importorskip("snakemake_executor_plugin_slurm.submit_string")
    utils = pytest.importorskip("snakemake_executor_plugin_slurm.utils")
    resources = {"gpu": 1, "mem_mb": 8000} | profile(name)["set-resources"]["train"]
    job = SimpleNamespace(resources=Resources(resources), threads=2)
    params = dict.fromkeys(("run_uuid", "slurm_logfile", "comment_str", "account", "workdir"), "x")
    call = submit.get_submit_command(job, params | {"partition": "-p gpu"})
    call += utils.set_gres_string(job)
    assert re.findall(r"--(?:gpus|gres|\S*per-gpu)\S*", call) == asked


class Resources(dict):
    """A job's resources as the plugin reads them: as attributes too."""

    __getattr__ = dict.__getitem__


def test_the_kubernetes_job_is_one_and_its_commands_are_snakemakes():
    job = yaml.safe_load((PROFILES / "kubernetes" / "job.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    pod = job["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"  # a Job allows no "Always"
    (container,) = pod["containers"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    assert container["resources"]["limits"].items() <= container["resources"]["requests"].items()

    (line,) = container["args"]
    for command in line.split(" && "):
        words = shlex.split(command.removeprefix("exec "))
        assert words[:2] == ["calm", "run"]
        options = words[2:]
        given = get_argument_parser().parse_args(options)
        assert given.configfile == [Path("config/config.yaml")]
    assert str(given.cores) == container["resources"]["requests"]["cpu"]
    said = {path.parent.name for path in PROFILES.glob("*/*") if "NOT RUN HERE" in path.read_text()}
    assert said == {"kubernetes"}


def submitted(handed, still_ready):
    """What the plugin submits of a rule in arrays: its jobs that are handed over, others ready."""
    plugin = pytest.importorskip("snakemake_executor_plugin_slurm")
    rule = SimpleNamespace(name="wsol")
    job = SimpleNamespace(rule=rule, name="wsol", is_group=lambda: False)
    arrays, single = [], []
    executor = SimpleNamespace(
        array_jobs={"wsol"},
        max_array_size=1000,
        workflow=SimpleNamespace(dag=SimpleNamespace(ready_jobs=[job] * still_ready)),
        logger=SimpleNamespace(debug=lambda text: None),
        _main_event_loop=None,
        _submit_array_jobs=arrays.append,
        _submit_job=single.append,
    )
    plugin.Executor.run_jobs(executor, [job] * handed)
    return [len(jobs) for jobs in arrays], len(single)


def test_arrays_need_all_jobs_that_are_ready():
    """Why docs/clusters.md warns of caps: if it fails, the plugin no longer drops jobs."""
    assert submitted(12, still_ready=0) == ([12], 0)
    assert submitted(1, still_ready=0) == ([], 1)
    assert submitted(4, still_ready=8) == ([], 0)  # a cap of four: none is ever submitted
