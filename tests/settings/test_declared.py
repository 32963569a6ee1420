import importlib
from dataclasses import dataclass

import pytest

from pipeline.settings import declared
from pipeline.settings.base import Count, Section
from pipeline.settings.declared import with_declared

SOURCE = """
import torch
from pydantic import Field

from pipeline.settings.base import Count, Section

LAYER = torch.nowhere


class Options(Section):
    \"\"\"Of a test.\"\"\"

    steps: Count = Field(3, description="of the test")


class Wrong(Section):
    steps: Count = LAYER
"""


@dataclass
class Entry:
    code: str
    section: str = ""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module that cannot be imported: torch lacks what it asks for."""
    monkeypatch.setattr(declared, "_PACKAGES", tmp_path)
    (tmp_path / "mine.py").write_text(SOURCE)
    return "mine"


def test_a_section_is_read_without_its_module(module):
    @with_declared({"mine": Entry(module, "Options"), "other": Entry("other")})
    class Keys(Section):
        """Keys."""

    assert list(Keys.model_fields) == ["mine"]
    assert Keys().model_dump() == {"mine": {"steps": 3}}
    assert Keys.model_validate({"mine": {"steps": 5}}).mine.steps == 5
    with pytest.raises(ValueError, match="steps"):
        Keys.model_validate({"mine": {"steps": 0}})
    with pytest.raises(ValueError, match="other"):
        Keys.model_validate({"other": {}})
    assert (Keys.__name__, Keys.__doc__) == ("Keys", "Keys.")


def test_options_come_as_the_class_of_their_module(module):
    @with_declared({"mine": Entry(module, "Options")})
    class Keys(Section):
        """Keys."""

    class Options(Section):
        """As the module itself would define it."""

        steps: Count = 3

    found = Keys.model_validate({"mine": {"steps": 7}}).own(Options)
    assert isinstance(found, Options)
    assert found.steps == 7


@pytest.mark.parametrize(("name", "missing"), [("Wrong", "LAYER"), ("Absent", "Absent")])
def test_a_section_that_needs_more_is_refused_by_name(module, name, missing):
    with pytest.raises(NameError, match=rf"mine\.py declares no section {name} .*{missing}"):
        declared.declared(module, name)


def test_what_declares_nothing_stays_the_class_itself():
    class Keys(Section):
        """Keys."""

    assert with_declared({"other": Entry("other")})(Keys) is Keys


def test_the_settings_declare_what_the_module_does():
    for name in ("has", "spg"):
        module = f"pipeline.models.methods.{name}"
        kind = getattr(importlib.import_module(module), f"{name.title()}Options")
        found = declared.declared(module, kind.__name__)
        assert found is not kind
        assert found.model_json_schema() == kind.model_json_schema()
