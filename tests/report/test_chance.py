from finished_study import metrics

from pipeline.report.chance import no_better
from pipeline.report.facts import model


def said(folder, **numbers):
    return no_better(
        [model(metrics(folder / "models/birds/net/cam/seed0/metrics.json", **numbers))]
    )


def test_a_model_that_is_better_is_not_mentioned(tmp_path):
    assert said(tmp_path) == []
    # 25 % of 100 images: two standard errors are 8.66 %
    assert said(tmp_path, accuracy=0.34) == []


def test_a_model_that_is_no_better_is_named_with_its_numbers(tmp_path):
    (sentence,) = said(tmp_path, accuracy=0.25, loss=1.4)
    assert sentence == (
        "birds/net/cam, seed 0, is no better than a constant prediction. On val it predicts "
        "25.00 % right with a loss of 1.4000; the best constant prediction, which looks at no "
        "image, has 25.00 % and 1.3863."
    )


def test_accuracy_and_loss_are_judged_apart(tmp_path):
    (sentence,) = said(tmp_path, accuracy=0.33, loss=1.2)
    assert "is not clearly above chance in accuracy" in sentence
    (sentence,) = said(tmp_path, accuracy=0.6, loss=1.4)
    assert "has a higher loss than a constant prediction" in sentence


def test_a_loss_that_is_not_finite_is_no_better(tmp_path):
    path = metrics(tmp_path / "models/birds/net/cam/seed0/metrics.json", accuracy=0.25)
    found = model(path)
    del found["last_epoch"]["val_loss"]  # what is not finite is not written
    (sentence,) = no_better([found])
    assert "is no better than a constant prediction" in sentence


def test_without_training_or_val_images_there_is_nothing_to_compare(tmp_path):
    found = model(metrics(tmp_path / "models/birds/net/cam/seed0/metrics.json", accuracy=0.1))
    assert no_better([found | {"best_constant": None}]) == []
    assert no_better([found | {"last_epoch": {}}]) == []


def test_the_report_says_it_above_everything_else(inputs, write_report, tmp_path):
    assert "no better than a constant" not in write_report(tmp_path / "good.html")
    bad = metrics(tmp_path / "models/birds/net/cam/seed0/metrics.json", accuracy=0.25, loss=1.4)
    text = write_report(tmp_path / "bad.html", metrics=bad)
    banner = text.index("birds/net/cam, seed 0, is no better than a constant prediction.")
    assert text.index("<h1>") < banner < text.index('id="results"')
    # and a map below the Gaussian in the centre: CAM has 30, the Gaussian 35
    assert (
        banner < text.index("1 of 4 maps is no better in MaxBoxAccV2") < text.index('id="results')
    )
