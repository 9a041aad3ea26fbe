"""Counting what becomes of many generated examples."""

from collections import Counter
from collections.abc import Callable

from hypothesis import HealthCheck, event, given, settings
from hypothesis.strategies import SearchStrategy


def count_outcomes(
    check: Callable[..., str],
    strategy: SearchStrategy,
    examples: int,
    record_property: Callable[..., None],
    expected: set[str],
) -> None:
    """Run ``check`` on that many examples; each outcome that is expected must occur, no other."""
    outcomes: Counter[str] = Counter()

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def run(example):
        outcome = check(example)
        event(outcome)
        outcomes[outcome] += 1

    run()
    record_property("faults", outcomes.total())
    for outcome, count in outcomes.items():
        record_property(outcome, count)
    print(f"{outcomes.total():,} examples: {dict(outcomes)}")
    assert set(outcomes) == expected
