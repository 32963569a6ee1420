from torch import nn

from pipeline.models.switching import switched


def test_a_flag_is_changed_where_it_is_another_and_put_back_after_an_error():
    network = nn.Sequential(nn.ReLU(inplace=True), nn.ReLU(), nn.Conv2d(1, 1, 1))
    try:
        with switched(network, "inplace", to=False):
            assert [layer.inplace for layer in network[:2]] == [False, False]
            assert not hasattr(network[2], "inplace")
            raise RuntimeError
    except RuntimeError:
        assert [layer.inplace for layer in network[:2]] == [True, False]
