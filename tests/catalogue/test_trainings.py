import importlib

import pytest

from pipeline import settings
from pipeline.catalogue.training_methods import TRAINING_METHODS
from pipeline.models.heads import Head, head_of
from pipeline.settings import Training


@pytest.mark.parametrize("name", TRAINING_METHODS)
def test_every_training_method_has_a_head_of_its_kind(name):
    entry = TRAINING_METHODS[name]
    head = head_of(Training(method=name))
    assert issubclass(head, Head)
    assert (head.__module__, head.__name__) == (entry.code, entry.head)
    assert head.kind == entry.kind


def test_the_config_takes_the_methods_of_the_catalogue_and_no_other():
    schema = Training.model_json_schema()["properties"]["method"]
    assert schema["enum"] == list(TRAINING_METHODS)
    with pytest.raises(ValueError, match="Input should be 'cam', 'calm_em'"):
        Training(method="camm")


def test_every_section_of_options_belongs_to_a_method():
    sections = {name for name, entry in TRAINING_METHODS.items() if entry.section}
    assert sections == {"has", "acol", "spg", "adl", "cutmix", "inca"}
    assert sections == TRAINING_METHODS.keys() & Training.model_fields.keys()
    for name in sections:
        entry = TRAINING_METHODS[name]
        kind = getattr(importlib.import_module(entry.code), entry.section)
        options = Training(method=name).own(kind)
        assert isinstance(options, kind)
        assert dict(options) == dict(kind())
    assert not TRAINING_METHODS.keys() & settings.TrainJob.model_fields.keys()
