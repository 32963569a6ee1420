import pytest
import torch

from pipeline.models.tensor_names import fitted
from pipeline.runtime.errors import UserError


def test_names_below_an_attribute_are_found_by_the_networks_own():
    one = torch.ones(1)
    wrapped = {"net.a.w": one, "net.b.w": one, "loss.w": one}
    assert set(fitted(wrapped, ["a.w", "b.w", "c.w"])) == {"a.w", "b.w", "loss.w"}
    assert fitted(wrapped, ["net.a.w"]) is wrapped
    assert fitted(wrapped, ["other"]) is wrapped
    assert fitted({}, ["other"]) == {}


def test_what_lies_beside_a_whole_network_is_left_out():
    one, two = torch.ones(1), torch.zeros(1)
    state = {"net.body.a.w": one, "net.body.b.w": one, "loss.w": two, "head.w": two}
    assert fitted(state, ["a.w", "b.w"]) == {"a.w": one, "b.w": one}
    assert fitted(state, ["a.w", "b.w"], ("head.",)) == {"a.w": one, "b.w": one, "head.w": two}


def test_of_a_network_and_its_average_the_average_is_taken():
    one, two = torch.ones(1), torch.zeros(1)
    state = {"model.a.w": one, "model.b.w": one, "ema_model.module.a.w": two,
             "ema_model.module.b.w": two}  # fmt: skip
    assert fitted(state, ["a.w", "b.w"]) == {"a.w": two, "b.w": two}
    both = {f"{part}.{name}": one for part in ("student", "teacher") for name in ("a.w", "b.w")}
    with pytest.raises(UserError, match=r"several networks .* under 'student\.', 'teacher\.'"):
        fitted(both, ["a.w", "b.w"])
