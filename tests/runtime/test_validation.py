from pydantic import BaseModel

from pipeline import settings
from pipeline.runtime.validation import OTHER_WORDS, nearest
from pipeline.study.config import Config, Dataset


def keys_of_the_config():
    """The keys of each section."""
    sections = [Config, Dataset]
    sections += [
        entry
        for name in settings.__all__
        if isinstance(entry := getattr(settings, name), type) and issubclass(entry, BaseModel)
    ]
    return [set(section.model_fields) for section in sections]


def test_the_words_of_other_tools_stand_for_keys_and_are_none_beside_them():
    sections = keys_of_the_config()
    for key, words in OTHER_WORDS.items():
        having = [keys for keys in sections if key in keys]
        assert having, key
        for keys in having:
            assert not keys & set(words), key
        assert all(word == word.lower().replace("-", "_") for word in words)


def test_the_nearest_name():
    assert nearest("learning_rate", ["lr", "learning_rates"]) == "; did you mean 'lr'?"
    assert nearest("Learning-Rate", ["lr"]) == "; did you mean 'lr'?"
    assert nearest("annotations", ["boxes", "masks"]) == "; did you mean 'boxes' or 'masks'?"
    assert nearest("brids", ["Birds", "cats"]) == "; did you mean 'Birds'?"
    assert nearest("xyz", ["b", "a"]) == "; valid: a, b"
    assert nearest("xyz", []) == ""
