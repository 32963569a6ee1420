"""A job ends with the Snakemake process that started it, so that no orphan disturbs the next run.

Snakemake starts a shell, and the shell the job. Where Snakemake alone is killed neither of them
notices; the shell prefix of the rules therefore names Snakemake's process. Linux only:
elsewhere such a job runs to its end.
"""

import os
import select
import signal
import threading

from pipeline.runtime.errors import UserError

VARIABLE = "CALM_SNAKEMAKE_PID"


def end_with_snakemake() -> None:
    """Have this process end at once when the process that `VARIABLE` names ends, however it does.

    Nothing happens where the variable is not set: the job was started by hand.

    Raises:
        UserError: that process has ended already.
    """
    if started_by := os.environ.get(VARIABLE):
        _end_with(int(started_by))


def end_at_interrupt() -> None:
    """Have a job of the workflow end at Ctrl-C without a traceback; Snakemake says what happened.

    Nothing changes in a process that no Snakemake started, or that ignores the signal.
    """
    if VARIABLE in os.environ and signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def stop_when_asked() -> None:
    """Have Ctrl-C, a closed terminal and a broken connection stop Snakemake, wherever it is.

    At a hangup it would end at once, and leave its folder locked. Ctrl-C while it finishes a job,
    in asyncio, would cancel a task instead, which ends in tracebacks, and the job that runs would
    go on; asyncio leaves a handler alone that is not Python's own. What is ignored stays ignored,
    under ``nohup`` for example.
    """
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
        signal.signal(signal.SIGHUP, _interrupt)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def end_with_parent() -> None:
    """The same for the process that started this one, such as a job of its helper."""
    _end_with(os.getppid())


def _end_with(number: int) -> None:
    if not hasattr(os, "pidfd_open"):
        return
    try:
        process = os.pidfd_open(number)
    except ProcessLookupError as error:
        raise UserError("Snakemake, which started this job, has ended. Run it again.") from error
    threading.Thread(target=_wait_and_end, args=(process,), daemon=True).start()


def _wait_and_end(process: int) -> None:
    select.select([process], [], [])  # readable once the process has ended
    os._exit(1)  # no clean-up: it might write
