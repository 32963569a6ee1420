"""What a change reruns: the jobs of the tiny study, the changes, and the jobs that each touches.

`python tests/workflow/rerun_cases.py` prints docs/reruns.md; test_reruns.py measures every case.
"""

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from workflow_run import edit_config

PRETRAINED = "otherbirds/small/attributes/seed0"
CAM = "birds/small_pretrained/cam/seed0"
CALM = "birds/small_pretrained/calm_em/seed0"
JOBS = (
    "draw otherbirds",
    "draw birds",
    "records otherbirds",
    "records birds",
    "shards otherbirds/train",
    "shards otherbirds/val",
    "shards birds/train",
    "shards birds/val",
    "shards birds/test",
    "cues birds",
    "supersets birds",
    f"train {PRETRAINED}",
    f"train {CAM}",
    f"train {CALM}",
    f"attribute_cam {CAM}/test",
    f"attribute_calm {CALM}/test",
    f"classification {CAM}",
    f"classification {CALM}",
    f"calibration {CAM}",
    f"calibration {CALM}",
    f"cue_localization {CAM}/cam",
    f"cue_localization {CALM}/joint",
    "cue_baseline birds/chance",
    "cue_baseline birds/always_head",
    f"wsol {CAM}/cam",
    f"wsol {CALM}/joint",
    "wsol_baseline birds/center_gaussian",
    "tables",
    "figure otherbirds/small/training",
    "figure birds/small_pretrained/training",
    "figure birds/small_pretrained/gallery",
    "figure birds/small_pretrained/contrast",
    "figure birds/small_pretrained/counterfactual",
    "figure birds/small_pretrained/kinds",
    "figure birds/small_pretrained/cue_scores",
    "figure birds/small_pretrained/reliability",
    "explorer birds/small_pretrained",
    "report",
)

# Patterns of jobs. What is downstream of ...
TABLES = ("tables", "figure */cue_scores", "report")
PICTURES = (
    "figure */gallery",
    "figure */contrast",
    "figure */counterfactual",
    "figure */kinds",
    "explorer *",
)
MAPS = ("cue_localization *", "wsol birds*", *PICTURES, *TABLES)
PREDICTIONS = ("classification *", "calibration *", "figure */reliability")
MODELS = ("attribute_* *", *PREDICTIONS, "figure */training", *MAPS)
CUES = ("attribute_* *", "cue_baseline *", *MAPS)
FIGURES = ("figure *", "report")
EVERYTHING = ("*",)
NOTHING = ()


class Case(NamedTuple):
    """A change and the jobs that rerun because of it."""

    what: str
    change: Callable[[Path], None]
    reruns: tuple[str, ...]  # patterns over JOBS and the new ones
    new: tuple[str, ...] = ()  # jobs that the change adds to the study


def config(**changes) -> Callable[[Path], None]:
    return lambda folder: edit_config(folder, **changes)


def edit(*names: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for name in names:
            with (folder / name).open("a") as file:
                file.write("\n# edited\n")

    return change


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


def touch_sources(folder: Path) -> None:
    for part in ("Snakefile", "workflow", "pipeline", "config", "envs"):
        for path in (folder / part, *(folder / part).rglob("*")):
            path.touch()


CASES = (
    Case("`touch` of every source file", touch_sources, NOTHING),
    Case(
        "the description of a setting",
        replace("pipeline/settings/base.py", "bootstrap replicates", "number of replicates"),
        NOTHING,
    ),
    Case(
        "a comment in `Snakefile` and the rules",
        edit(
            "Snakefile",
            "workflow/Snakefile",
            "workflow/rules/common.smk",
            "workflow/rules/train.smk",
        ),
        NOTHING,
    ),
    Case(
        "messages and progress (`errors.py`, `cli.py`, `progress.py`, `machine.py`)",
        edit(*(f"pipeline/runtime/{name}.py" for name in ("errors", "cli", "progress", "machine"))),
        NOTHING,
    ),
    Case("`title`", config(title="Another title"), ("report",)),
    Case("`tensorboard`", config(tensorboard=True), ("report",)),
    Case(
        "results to a tracker (`trackers.mlflow`)",
        config(trackers__mlflow={"uri": "store"}),
        ("report", "track *"),
        ("track mlflow",),
    ),
    Case("`report.dpi`", config(report__dpi=90), FIGURES),
    Case(
        "`lr` of the variant `calm_em`",
        config(datasets__birds__variants__calm_em__lr=0.02),
        (
            "train */calm_em/*",
            "attribute_calm *",
            "classification */calm_em/*",
            "calibration */calm_em/*",
            "figure */reliability",
            "cue_localization */calm_em/*",
            "wsol */calm_em/*",
            "figure birds/*/training",
            *PICTURES,
            *TABLES,
        ),
    ),
    Case(
        "`evaluation.cue_localization.thresholds`",
        config(evaluation__cue_localization__thresholds="even"),
        ("cue_localization *", "cue_baseline *", "explorer *", *TABLES),
    ),
    Case(
        "`evaluation.wsol.iou_thresholds`",
        config(evaluation__wsol__iou_thresholds=[0.5]),
        ("wsol *", "wsol_baseline *", "explorer *", *TABLES),
    ),
    Case(
        "one more evaluation, `pointing_game`",
        config(evaluation__pointing_game={}),
        ("measure_maps *", *TABLES),
        tuple(
            f"measure_maps pointing_game/{map_of_class}"
            for map_of_class in (f"{CAM}/cam", f"{CALM}/joint")
        ),
    ),
    Case(
        "one more method, `input_x_gradient`",
        config(methods__cam=["cam", "input_x_gradient"]),
        (
            "* */input_x_gradient",
            "figure */gallery.*",
            "explorer *",
            *TABLES,
        ),
        (
            f"attribute {CAM}/test/input_x_gradient",
            *(f"{rule} {CAM}/input_x_gradient" for rule in ("cue_localization", "wsol")),
            "figure birds/small_pretrained/gallery.cam",
        ),
    ),
    Case(
        "one more map of CALM, `conditional`",
        config(methods__calm=["joint", "counterfactual", "conditional"]),
        (
            "* */conditional",
            "figure */gallery.*",
            "figure */kinds",
            "explorer *",
            *TABLES,
        ),
        (
            *(f"{rule} {CALM}/conditional" for rule in ("cue_localization", "wsol")),
            "figure birds/small_pretrained/gallery.calm_em",
        ),
    ),
    Case(
        "one more seed",
        config(seeds=[0, 1]),
        ("* */seed1", "* */seed1/*", *TABLES),
        # the counterfactual figure shows the first seed
        tuple(
            job.replace("seed0", "seed1")
            for job in JOBS
            if "seed0" in job and "counterfactual" not in job
        ),
    ),
    Case(
        "`cues.threshold` (which attributes a class has)",
        config(cues__threshold=60),
        ("cues *", *CUES),
    ),
    Case(
        "`supersets.kind`",
        config(datasets__birds__supersets__kind="singletons"),
        ("supersets *", "attribute_* *", *MAPS),
    ),
    Case(
        "one more image per class in `birds`",
        config(datasets__birds__draw__train_images=5),
        ("* birds*", "tables", "report"),
    ),
    Case("code that draws (`synthbirds_draw.py`)", edit("pipeline/datasets/synthbirds_draw.py"),
         EVERYTHING),
    Case(
        "code that reads CUB's layout (`cub.py`)",
        edit("pipeline/datasets/cub.py"),
        ("[!d]*",),
    ),
    Case(
        "code of the shards (`sharding/writing.py`)",
        edit("pipeline/sharding/writing.py"),
        ("shards *", "train *", *MODELS),
    ),
    Case("code of the part maps (`part_maps.py`)", edit("pipeline/cues/part_maps.py"),
         ("cues *", *CUES)),
    Case(
        "code of the supersets (`supersets.py`)",
        edit("pipeline/supersets/tree.py"),
        ("supersets *", "attribute_* *", *MAPS),
    ),
    Case("code of the training loop (`training/loop.py`)", edit("pipeline/training/loop.py"),
         ("train *", *MODELS)),
    Case("code of the heads (`heads.py`)", edit("pipeline/models/heads.py"),
         ("train *", *MODELS)),
    Case(
        "code of one attribution method (`methods/calm.py`)",
        edit("pipeline/attribution/methods/calm.py"),
        (
            "attribute_calm *",
            "cue_localization */calm_em/*",
            "wsol */calm_em/*",
            *PICTURES,
            *TABLES,
        ),
    ),
    Case(
        "code that all methods share (`query.py`)",
        edit("pipeline/attribution/query.py"),
        ("attribute_* *", *MAPS),
    ),
    Case(
        "code of MaxBoxAccV2 (`boxes.py`)",
        edit("pipeline/evaluation/localisation/boxes.py"),
        ("wsol *", "wsol_baseline *", "explorer *", *TABLES),
    ),
    Case(
        "code of PxAP (`pxap.py`)",
        edit("pipeline/evaluation/pxap.py"),
        (
            "cue_localization *",
            "cue_baseline *",
            "wsol *",
            "wsol_baseline *",
            "explorer *",
            *TABLES,
        ),
    ),
    Case("code of a table (`tables/wsol.py`)", edit("pipeline/tables/wsol.py"), TABLES),
    Case("code of a figure (`cue_scores.py`)", edit("pipeline/figures/cue_scores.py"),
         ("figure */cue_scores", "report")),
    Case("code of the report (`report/page.py`, `report.js`)",
         edit("pipeline/report/page.py", "pipeline/report/assets/report.js"), ("report",)),
    Case("code of the explorer (`report/explorer.py`)", edit("pipeline/report/explorer.py"),
         ("explorer *", "report")),
)  # fmt: skip


def matching(patterns: tuple[str, ...], jobs: set[str]) -> set[str]:
    """The jobs that match a pattern; every pattern must match one."""
    found = {pattern: {job for job in jobs if fnmatchcase(job, pattern)} for pattern in patterns}
    unused = [pattern for pattern in patterns if not found[pattern]]
    assert not unused, unused
    return set().union(*found.values())


def page() -> str:
    """docs/reruns.md."""
    lines = [
        "# What a change reruns",
        "",
        "A job runs again when its section of the config, its code or an input changed in content;",
        "a new modification time alone is not a change, for files of up to 100 MB (the profiles'",
        "`max-checksum-file-size`): data and results may be copied or unpacked again. The table is",
        "measured: the tests make each change in a finished study and compare what `snakemake -n`",
        "plans with its row.",
        "",
        "The code of a job is one input: a list of its modules and their digests, kept in",
        "`.snakemake/calm-study/code` and brought up to date by every plan.",
        "",
        "`snakemake --touch` marks files as current, also those of another protocol that lie in",
        "the same folder. Where scores of two protocols meet in a table, a note below it says NOT",
        "COMPARABLE and names the files.",
        "",
        f"The study is `tests/workflow/tiny.yaml`, {len(JOBS)} jobs: a trunk is pretrained on",
        "other birds, then a CAM and a CALM model are trained, with one and two methods. The page",
        "is printed by `python tests/workflow/rerun_cases.py`.",
        "",
        "| change | jobs that run again |",
        "|---|---|",
    ]
    for case in CASES:
        reruns = matching(case.reruns, {*JOBS, *case.new})
        rules = [
            rule
            for rule in dict.fromkeys(map(_rule, (*JOBS, *case.new)))
            if any(_rule(job) == rule for job in reruns)
        ]
        jobs = ", ".join(_count(rule, reruns, case.new) for rule in rules)
        lines.append(f"| {case.what} | {'all' if reruns == {*JOBS} else jobs or 'none'} |")
    return "\n".join(lines) + "\n"


def _rule(job: str) -> str:
    return job.split()[0]


def _count(rule: str, reruns: set[str], new: tuple[str, ...]) -> str:
    """A rule and how many of its jobs rerun."""
    jobs = [job for job in reruns if _rule(job) == rule]
    total = sum(_rule(job) == rule for job in JOBS)
    if any(job in new for job in jobs):
        return f"`{rule}` {len(jobs)} new"
    return f"`{rule}` {len(jobs)} of {total}" if total > 1 else f"`{rule}`"


if __name__ == "__main__":
    print(page(), end="")
