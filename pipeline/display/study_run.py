"""The state of a run as the display keeps it: its jobs, how long they took, how long is left."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.runtime import progress_files
from pipeline.runtime.progress_files import Progress

_ENOUGH = 3  # jobs that have to end before the time left is guessed


@dataclass(frozen=True)
class Job:
    """A job that runs.

    Attributes:
        rule: its name.
        stage: file of rules that it stands in.
        name: what it is about, such as ``birds/small/cam/seed0``; empty if the rule has one job.
        logs: its log files.
        started: seconds since 1970.
    """

    rule: str
    stage: str
    name: str
    logs: Sequence[str]
    started: float

    def progress(self) -> Progress | None:
        """How far its loop is, if it has one now."""
        return progress_files.read(Path(progress_files.FOLDER), self.logs, self.started)


@dataclass
class StageState:
    """How much of a stage is done.

    Attributes:
        jobs: of the run.
        done: of them.
        began: of the first; seconds since 1970.
    """

    jobs: int = 0
    done: int = 0
    began: float = 0.0


@dataclass
class StudyRun:
    """What a run has done so far; `Job`s come and go by the number that Snakemake gives them.

    Attributes:
        total: jobs of the run.
        stages: name -> its state, in the order of the workflow.
        running: job id -> the job.
        done: jobs that have ended well.
        failed: job id -> rule of those that have not, unless a second try did.
        began: seconds since 1970.
    """

    total: int = 0
    stages: dict[str, StageState] = field(default_factory=dict)
    running: dict[int, Job] = field(default_factory=dict)
    done: int = 0
    failed: dict[int, str] = field(default_factory=dict)
    began: float = 0.0
    _waiting: Counter[str] = field(default_factory=Counter)  # rule -> jobs that have not begun
    _took: dict[str, list[float]] = field(default_factory=dict)  # rule -> seconds of its jobs

    def plan(self, jobs: Mapping[str, int], stage_of: Mapping[str, str]) -> None:
        """Take what there is to do: rule -> number of jobs, of which those with a stage count."""
        self.began = time.time()
        self._waiting = Counter({rule: n for rule, n in jobs.items() if rule in stage_of})
        self.total = self._waiting.total()
        self.stages = {stage: StageState() for stage in stage_of.values()}
        for rule, number in self._waiting.items():
            self.stages[stage_of[rule]].jobs += number
        self.stages = {name: state for name, state in self.stages.items() if state.jobs}

    def start(self, number: int, job: Job) -> None:
        """A job begins, for the first time or again."""
        self.running[number] = job
        if number not in self.failed:
            self._waiting[job.rule] -= 1
        state = self.stages[job.stage]
        state.began = state.began or job.started

    def finish(self, number: int) -> Job | None:
        """A job has ended well; None if it never began."""
        job = self.running.pop(number, None)
        self.failed.pop(number, None)
        if job is not None:
            self.done += 1
            self.stages[job.stage].done += 1
            self._took.setdefault(job.rule, []).append(time.time() - job.started)
        return job

    def fail(self, number: int, rule: str) -> Job | None:
        """A job has failed; None if it never began."""
        self.failed[number] = rule
        return self.running.pop(number, None)

    def left(self) -> float | None:
        """Seconds until the end, by the jobs so far; None before some of them have ended.

        A job that waits takes as long as the others of its rule, or as all others where it is the
        first; as many run at a time as did until now.
        """
        ended = [seconds for took in self._took.values() for seconds in took]
        if len(ended) < _ENOUGH:
            return None
        now = time.time()
        usual = {rule: sum(took) / len(took) for rule, took in self._took.items()}
        for job in self.running.values():
            if (progress := job.progress()) and progress.left is not None:
                usual[job.rule] = now - job.started + progress.left
        mean = sum(ended) / len(ended)
        spent = sum(now - job.started for job in self.running.values())
        work = sum(number * usual.get(rule, mean) for rule, number in self._waiting.items())
        work += sum(
            max(usual.get(job.rule, mean) - (now - job.started), 0.0)
            for job in self.running.values()
        )
        at_a_time = max((sum(ended) + spent) / max(now - self.began, 1e-9), 1.0)
        return work / at_a_time
