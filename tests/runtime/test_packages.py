import sys
from pathlib import Path

import numpy

from pipeline.runtime.packages import find_in_package


def test_a_file_of_an_installed_package_is_found_without_importing_it(tmp_path, monkeypatch):
    folder = tmp_path / "somebodys_weights"
    (folder / "files").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "files" / "net.pth").touch()
    monkeypatch.syspath_prepend(tmp_path)
    source = "package:somebodys_weights/files/net.pth"
    assert find_in_package(source) == folder / "files" / "net.pth"
    assert "somebodys_weights" not in sys.modules
    numpys = Path(numpy.__file__).parent
    assert find_in_package("package:numpy/version.py") == numpys / "version.py"


def test_what_is_missing_is_none():
    for source in ("package:nowhere/a.pth", "package:numpy/nothing", "package:numpy", "package:"):
        assert find_in_package(source) is None
    assert find_in_package("package:sys/a.pth") is None  # a module without a folder
    assert find_in_package("package:numpy.linalg/a.pth") is None
