import numpy as np
import pytest

from models.severity.linear import Linear, fit


def learned(seed: int = 0) -> Linear:
    rng = np.random.default_rng(seed)
    labels = [bool(i % 3 == 0) for i in range(90)]
    texts = [frozenset({"bad" if y else "good", f"noise{rng.integers(5)}", f"rare{i}"}) for i, y in enumerate(labels)]
    groups = [str(i) for i in range(90)]
    return fit(texts, labels, groups=groups, weights=[1.0] * 90, least_groups=2, strength=3.0)


def test_it_learns_which_words_matter_and_forgets_what_only_one_says() -> None:
    model = learned()
    assert model.probability(frozenset({"bad"})) > 0.8
    assert model.probability(frozenset({"good"})) < 0.2
    assert not any(name.startswith("rare") for name in model.weights)


def test_terms_add_up_to_the_score() -> None:
    model, said = learned(), frozenset({"bad", "noise1", "noise3", "never seen"})
    terms = model.terms(said)
    assert model.log_odds(said) == pytest.approx(model.bias + sum(terms.values()))
    assert "never seen" not in terms
    assert next(iter(terms)) == "bad"


def test_it_is_the_same_again_and_survives_being_kept() -> None:
    model = learned()
    assert learned() == model
    assert Linear.from_json(model.words, model.as_json()) == model


def test_a_report_without_a_known_word_gets_the_usual_odds() -> None:
    model = learned()
    assert model.log_odds(frozenset()) == model.bias
