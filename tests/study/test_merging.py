from pipeline.study.merging import matches, merge


def test_the_upper_mapping_wins_key_by_key_and_both_are_left_alone():
    under = {"a": {"x": 1, "y": [1, 2]}, "b": 1}
    over = {"a": {"y": [3], "z": {}}, "c": None}
    assert merge(under, over) == {"a": {"x": 1, "y": [3], "z": {}}, "b": 1, "c": None}
    assert under == {"a": {"x": 1, "y": [1, 2]}, "b": 1}
    assert over == {"a": {"y": [3], "z": {}}, "c": None}


def test_a_mapping_replaces_what_is_none_and_the_other_way_round():
    assert merge({"a": 1, "b": {"x": 1}}, {"a": {"x": 1}, "b": 2}) == {"a": {"x": 1}, "b": 2}


def test_null_drops_names_alone():
    under = {"datasets": {"birds": {"variants": {"cam": {"lr": 1}}, "training": {"lr": 1}}}}
    over = {"datasets": {"birds": {"variants": {"cam": {"lr": None}}, "training": None}}}
    assert merge(under, over) == over
    assert merge(under, {"datasets": {"birds": None}}) == {"datasets": {}}
    assert merge(under, {"datasets": None}) == {"datasets": None}


def test_a_place_has_as_many_keys_as_its_pattern():
    assert matches(("datasets", "birds", "variants"), ("datasets", "*", "variants"))
    assert not matches(("datasets", "birds"), ("datasets", "*", "variants"))
    assert not matches(("datasets", "birds", "training"), ("datasets", "*", "variants"))
