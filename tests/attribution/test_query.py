import pytest
import torch
from given_output import query_of

from pipeline.attribution.query import entry_of, maps_of
from pipeline.catalogue.methods import METHODS
from pipeline.runtime.errors import UserError
from pipeline.settings import Attribution


@pytest.mark.parametrize(("name", "model"), [("joint", "cam"), ("cam", "calm"), ("jiont", "calm")])
def test_a_method_of_another_model_is_refused_with_the_valid_names(name, model):
    with pytest.raises(UserError) as caught:
        entry_of(name, model)
    valid = {"cam": "cam, cam_max", "calm": "joint, conditional"}[model]
    assert name in str(caught.value)
    assert valid in str(caught.value)
    assert entry_of("subset", "calm") is METHODS["subset"]


def test_what_methods_share_is_computed_once():
    query, calls = query_of(torch.zeros(3, 5, 2, 2), "class"), []

    def count(given):
        calls.append(given)
        return len(calls)

    assert (query.once(count), query.once(count), calls) == (1, 1, [query])
    assert query.once(len_of_classes) == 6  # another function has its own result


def len_of_classes(query):
    return len(query.classes)


def test_explain_gives_one_map_an_image_without_a_plan():
    output = torch.randn(3, 5, 4, 6)
    model = query_of(output, "class").model
    maps = maps_of(
        model, "cam", torch.zeros(3, 3, 8, 8), [(1,), (4,), (0,)], ["a", "b", "c"], Attribution()
    )
    assert torch.equal(maps, output[[0, 1, 2], [1, 4, 0]])
