"""Snakemake's messages about a run, turned into the display's."""

import contextlib
import logging
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from pipeline.display import failure
from pipeline.display.screen import Screen, screen
from pipeline.display.study_run import Job, StudyRun
from pipeline.runtime import progress_files
from pipeline.runtime.orphans import stop_when_asked
from pipeline.runtime.progress import duration

# The beginnings of what Snakemake says about itself in a run; it is all in .snakemake/log.
_CHATTER = (
    "Assuming unrestricted shared filesystem",
    "Building DAG of jobs",
    "Complete log",
    "Conda environments: ignored",
    "Config file ",
    "Elapsed time",
    "Exiting because a job execution failed",
    "Group jobs: inactive",
    "Removing output files of failed job",
    "Select jobs to execute",
    "Shutting down, this might take some time",
    "Singularity containers: ignored",
    "Using shell: ",
)
_INTERRUPTED = ("Terminating processes on user request", "Cancelling snakemake on user request")
_STOPPING = "Will exit after finishing currently running jobs"
_NOT_ALL = "At least one job did not complete successfully"
_LOCKED = "LockException"
_OF_A_JOB = "CalledProcessError"
_OF_THE_WORKFLOW = "common.smk"  # raises the messages for the user (`checked`)


def attach(workflow: Any) -> None:
    """Show the run of this workflow; Snakemake's own messages stay in .snakemake/log.

    Nothing changes for a dry run, with ``--verbose``, ``--printshellcmds``, ``--debug-dag``,
    ``--quiet`` or ``--logger``, in the jobs of a cluster, and where the workflow is a module of
    another one.
    """
    said = workflow.output_settings
    own = said.dryrun or said.verbose or said.printshellcmds or said.debug_dag or said.quiet
    if not workflow.is_main_process or not workflow.modifier.is_main_snakefile():
        return
    stop_when_asked()
    if own:
        return
    for replaced in [each for each in logger.handlers if each.name == "DefaultStreamHandler"]:
        run = StudyRun()
        handler = DisplayHandler(
            lambda: {
                rule.name: Path(str(rule.snakefile)).stem for rule in workflow.rules if rule.output
            },
            screen(run, colours=not said.nocolor),
            run,
        )
        logger.addHandler(handler)
        logger.removeHandler(replaced)


class DisplayHandler(logging.Handler):
    """Takes the place of Snakemake's handler of the terminal while a study runs.

    Args:
        stage_of: gives rule -> stage of what makes files, once the rules are read.
        shown: where to write.
        run: what the screen shows.
    """

    def __init__(
        self, stage_of: Callable[[], Mapping[str, str]], shown: Screen, run: StudyRun
    ) -> None:
        super().__init__()
        self._stage_of, self._screen, self._run = stage_of, shown, run
        self._stages: Mapping[str, str] = {}
        self._exceptions: list[str] = []  # Snakemake's, of jobs whose failure is still to come
        self._interrupted = self._explained = self._closed = False
        self._events: dict[str | None, Callable[[Any], None]] = {
            LogEvent.RUN_INFO: self._plan,
            LogEvent.JOB_INFO: self._start,
            LogEvent.JOB_FINISHED: self._finish,
            LogEvent.JOB_ERROR: self._fail,
            LogEvent.ERROR: self._exception,
            None: self._message,
        }

    def emit(self, record: logging.LogRecord) -> None:
        """Show what the record means for a person, which is often nothing."""
        try:
            take = self._events.get(getattr(record, "event", None))
            if take is not None:
                take(record)
        except (KeyboardInterrupt, SystemExit):
            raise
        except Exception:  # the display must not end a run
            self.handleError(record)

    def close(self) -> None:
        """Say how the run ended, and leave the terminal in order."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(OSError):  # the terminal may be closed
                self._screen.close()
                if ending := self._ending():
                    self._screen.say(ending)
            if self._run.total:  # else another run may have the folder
                shutil.rmtree(progress_files.FOLDER, ignore_errors=True)
        super().close()

    def _plan(self, record: Any) -> None:
        self._stages = self._stage_of()
        self._run.plan(record.stats, self._stages)
        # the jobs write to it where it is there
        shutil.rmtree(progress_files.FOLDER, ignore_errors=True)
        with contextlib.suppress(OSError):  # then nothing moves
            Path(progress_files.FOLDER).mkdir(parents=True)
        stages = ", ".join(f"{name} {state.jobs}" for name, state in self._run.stages.items())
        self._screen.say(f"{_jobs(self._run.total)} to do: {stages}", prose=True)

    def _start(self, record: Any) -> None:
        rule = record.rule_name
        if rule not in self._stages:  # a named target makes nothing
            return
        job = Job(
            rule=rule,
            stage=self._stages[rule],
            name="/".join(
                f"seed{value}" if key == "seed" else str(value)
                for key, value in (record.wildcards or {}).items()
            ),
            logs=[str(path) for path in record.log or []],
            started=time.time(),
        )
        self._run.start(record.jobid, job)

    def _finish(self, record: Any) -> None:
        run = self._run
        job = run.finish(record.job_id)
        if job is None:
            return
        self._screen.finished(job)
        if run.done == run.total:
            self._screen.say(f"{_jobs(run.total)} done in {duration(time.time() - run.began)}.")

    def _fail(self, record: Any) -> None:
        job = self._run.fail(record.jobid, record.rule_name)
        if self._interrupted:
            return
        logs = [str(path) for path in record.log or []]
        about = next((text for text in self._exceptions if record.rule_name in text), "")
        if about:
            self._exceptions.remove(about)
        title = f"{record.rule_name} {job.name if job else ''}".strip()
        self._screen.say(f"\nFailed: {title}\n{failure.reason(logs, about)}")
        if logs:
            self._screen.say(f"Log: {logs[0]}\n")

    def _exception(self, record: Any) -> None:
        text = record.getMessage()
        if self._interrupted or _NOT_ALL in text:
            return
        if text.startswith(_INTERRUPTED):
            self._interrupted = True
        elif _OF_A_JOB in text:
            self._exceptions.append(text)
        else:
            self._explained = True
            if text.startswith(_LOCKED):
                text = f"error: {_locked()}"
            elif _OF_THE_WORKFLOW in text.partition("\n")[0]:
                text = f"error: {failure.of_the_workflow(text)}"
            self._screen.say(text)

    def _message(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith(_INTERRUPTED):
            self._interrupted = True
        elif self._interrupted or text.startswith(_CHATTER) or text in ("", "None"):
            return
        elif text.startswith(_STOPPING):
            self._screen.say("Stopping when the jobs that run now have ended.")
        elif record.levelno >= logging.WARNING:
            self._screen.say(f"{record.levelname.lower()}: {text}")
        elif record.levelno >= logging.INFO:
            self._screen.say(text)

    def _ending(self) -> str:
        """How the run ended; nothing of one that never began, or did all."""
        run = self._run
        again = _again()
        done = f"{run.done} of {_jobs(run.total)} {'is' if run.done == 1 else 'are'} done"
        if self._interrupted:
            return f"Stopped{f', {done}' if run.total else ''}. To go on: {again}"
        if run.failed:
            return f"{_jobs(len(run.failed))} failed, {done}. Once it is mended: {again}"
        if run.done < run.total and not self._explained:
            return f"Not finished, {done}. To go on: {again}"
        return ""


def _again(*options: str) -> str:
    """The command of this run, with further options."""
    return shlex.join(["snakemake", *options, *sys.argv[1:]])


def _locked() -> str:
    return (
        "this folder is locked: another run is in it, or was killed in it. `calm status` says "
        f"which. If none runs any more: {_again('--unlock')} && {_again()}"
    )


def _jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"
