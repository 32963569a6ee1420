import sys

import pytest

from pipeline.runtime.errors import UserError
from pipeline.runtime.functions import is_function_name, load_function, source_files


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A study's folder with modules of the user's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "lab" / "inner").mkdir(parents=True)
    (tmp_path / "lab" / "__init__.py").write_text("")
    (tmp_path / "lab" / "maps.py").write_text(
        "import numpy\nfrom .shared import scale\nfrom lab.inner import deep\n"
        "import pipeline.calm\n\ndef mine(query):\n    return scale\n\nnumber = 3\n"
    )
    (tmp_path / "lab" / "shared.py").write_text("import single\nscale = 2\n")
    (tmp_path / "lab" / "inner" / "__init__.py").write_text("from . import deep\n")
    (tmp_path / "lab" / "inner" / "deep.py").write_text("")
    (tmp_path / "single.py").write_text("def one(query):\n    return 1\n")
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] in ("lab", "single", "broken")]:
        del sys.modules[name]


def test_the_files_of_a_function_are_those_of_the_study_that_it_imports(folder):
    assert source_files("single:one") == ["single.py"]
    assert source_files("lab.maps:mine") == [
        "lab/__init__.py", "lab/inner/__init__.py", "lab/inner/deep.py", "lab/maps.py",
        "lab/shared.py", "single.py",
    ]  # fmt: skip
    assert source_files("torch.nn.functional:relu") == []
    (folder / "single.py").write_text("def broken(:\n")
    assert source_files("single:one") == ["single.py"]  # the job tells what is wrong with it


def test_a_relative_import_outside_a_package_is_left_to_the_job(folder):
    (folder / "single.py").write_text("from . import broken\nfrom .. import lab\n")
    assert source_files("single:one") == ["broken.py", "lab/__init__.py", "single.py"]


def test_a_function_is_loaded_from_the_folder_or_a_package(folder):
    assert load_function("lab.maps:mine")(None) == 2
    assert load_function("os.path:join")("a", "b") == "a/b"


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("no_such.module:mine", "No module named 'no_such'.* must lie in .* or be installed"),
        ("broken:mine", "broken:mine cannot be loaded: ModuleNotFoundError.*no_such_module"),
        ("lab.maps:yours", "has no attribute 'yours'"),
        ("lab.maps:number", "is no function, but int"),
    ],
)
def test_what_cannot_be_loaded_is_one_message(folder, name, match):
    with pytest.raises(UserError, match=match):
        load_function(name)


def test_names_of_functions_have_one_form():
    assert is_function_name("lab.maps:mine")
    for name in (
        "lab.maps",
        "lab.maps:",
        ":mine",
        "lab maps:mine",
        "lab.maps:a.b",
        "lab/maps.py:a",
    ):
        assert not is_function_name(name)
