import subprocess
import sys


def _run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_jobs_with_a_network_import_no_compiler():
    _run(
        """
import sys
import pipeline.attribution.__main__, pipeline.attribution.methods.gradients
import pipeline.evaluation.__main__, pipeline.evaluation.erasing.erase
assert "torchvision.ops.roi_align" in sys.modules
assert "torch._dynamo" not in sys.modules
"""
    )


def test_the_compiler_is_there_for_who_asks():
    _run(
        """
import pipeline, torch, torchvision
assert torchvision.ops.roi_align.__module__ == "torchvision.ops.roi_align"
boxes = torch.tensor([[0.0, 0, 0, 4, 4]])
assert torchvision.ops.roi_align(torch.ones(1, 1, 8, 8), boxes, 2).shape == (1, 1, 2, 2)
import sys
asked = sys.modules["torchvision.ops.roi_align"].is_compile_supported
from torch._dynamo.utils import is_compile_supported
assert asked is not is_compile_supported
assert asked("cpu") is is_compile_supported("cpu")
assert torch.compile(lambda x: x + 1, backend="eager")(torch.ones(2)).tolist() == [2, 2]
"""
    )


def test_a_compiler_that_is_imported_already_is_kept():
    _run(
        """
import pipeline, torch._dynamo.utils, sys
import torchvision
asked = sys.modules["torchvision.ops.roi_align"].is_compile_supported
assert asked is torch._dynamo.utils.is_compile_supported
"""
    )


def test_more_that_is_asked_of_the_compiler_is_imported():
    _run(
        """
import sys
from pipeline.runtime import torchvision_import
torchvision_import._ASKED = "torch._dynamo.another"
import torchvision
asked = sys.modules["torchvision.ops.roi_align"].is_compile_supported
assert asked is sys.modules["torch._dynamo.utils"].is_compile_supported
"""
    )
