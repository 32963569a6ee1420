from pipeline.catalogue.baselines import BASELINES
from pipeline.evaluation.cues import difference_maps
from pipeline.evaluation.gaze import baselines as gaze
from pipeline.evaluation.localisation import wsol
from pipeline.study.inputs.scores import CUE_BASELINES, GAZE_BASELINES, WSOL_BASELINES


def test_every_baseline_of_an_evaluation_has_words_and_a_meaning():
    measured = {*difference_maps.BASELINES, *wsol.BASELINES, *gaze.BASELINES}
    assert measured == {*CUE_BASELINES, *WSOL_BASELINES, *GAZE_BASELINES}
    # a constant prediction, and pixels erased at random, are baselines of the tables alone
    assert BASELINES.keys() == measured | {"random"}
    assert all(each.words and each.meaning for each in BASELINES.values())


def test_what_looks_at_the_image_or_at_what_is_known_of_it_is_not_blind():
    seeing = {name for name, each in BASELINES.items() if not each.blind}
    assert seeing == {"always_head", "viewers"}
