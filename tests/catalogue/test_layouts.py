import importlib
import inspect

import pytest

from pipeline.catalogue.layouts import LAYOUTS
from pipeline.datasets import cub, objects, wsol_lists
from pipeline.datasets.readers import reader_of
from pipeline.settings import Records


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_has_a_reader(name):
    entry = LAYOUTS[name]
    module = importlib.import_module(entry.code)
    assert list(inspect.signature(module.read).parameters) == ["root", "section", "workers"]
    assert reader_of(name) == (module.read, module.LAYOUT, module.class_names)
    assert entry.annotations


def test_a_change_of_any_list_that_a_reader_needs_is_noticed():
    assert {*cub.REQUIRED, cub.KEYPOINT_FILE} - {"images"} <= set(LAYOUTS["cub"].annotations)
    lists = {name.rpartition("/")[2] for name in LAYOUTS["wsol"].annotations}
    assert lists == set(wsol_lists.LISTS)
    assert objects.BOXES in LAYOUTS["folder"].annotations


def test_the_config_takes_the_layouts_of_the_catalogue_and_no_other():
    schema = Records.model_json_schema()["properties"]["layout"]
    assert schema["enum"] == list(LAYOUTS)
    for entry in LAYOUTS.values():
        assert entry.about in schema["description"]
    with pytest.raises(ValueError, match="Input should be 'cub', 'wsol' or 'folder'"):
        Records(layout="cup")
