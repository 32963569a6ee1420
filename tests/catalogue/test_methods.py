import importlib
import inspect

import pytest

from pipeline.artefacts.targets import KINDS
from pipeline.catalogue.methods import METHODS
from pipeline.settings import Attribution, Methods


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_a_function_of_its_own_name(name):
    entry = METHODS[name]
    function = getattr(importlib.import_module(entry.code), name)
    assert list(inspect.signature(function).parameters) == ["query"]
    assert entry.units
    assert set(entry.models) <= {"cam", "calm", "given"}
    assert set(entry.options) <= set(Attribution.model_fields)


def test_the_functions_of_a_query_are_all_in_the_catalogue():
    for module in {entry.code for entry in METHODS.values()}:
        found = {
            name
            for name, function in inspect.getmembers(importlib.import_module(module))
            if inspect.isfunction(function)
            and function.__module__ == module
            and not name.startswith("_")
            and list(inspect.signature(function).parameters) == ["query"]
        }
        assert found == {name for name, entry in METHODS.items() if entry.code == module}


def test_every_kind_of_target_has_a_method():
    assert {entry.targets for entry in METHODS.values()} == set(KINDS)


def test_the_config_takes_every_method_of_a_model_and_no_other():
    for kind in ("cam", "calm"):
        names = tuple(name for name, entry in METHODS.items() if kind in entry.models)
        assert getattr(Methods(**{kind: names}), kind) == names
        for other in set(METHODS) - set(names):
            with pytest.raises(ValueError, match=other):
                Methods(**{kind: (other,)})
