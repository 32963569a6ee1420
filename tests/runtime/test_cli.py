import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from pipeline.runtime import cli

def run(argv):
    if argv == ["numpy"]:
        import numpy
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30,) * 2)
        numpy.ones(1 << 40)
    if argv == ["torch"]:
        import torch
        torch.ones(1 << 50)
    raise RuntimeError("a fault of the program")

cli.main(run)
"""


def main(*words):
    return subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True)


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_lack_of_memory_is_one_message_that_says_so(library):
    done = main(library)
    assert done.returncode == 2
    assert done.stderr.startswith("error: not enough memory (")
    assert "--cores" in done.stderr
    assert "Traceback" not in done.stderr


def test_any_other_error_keeps_its_traceback():
    done = main("other")
    assert done.returncode == 1
    assert "RuntimeError: a fault of the program" in done.stderr
