import time

import pytest

from facial_keypoints.framework import session_clock as clock


@pytest.fixture
def no_session(monkeypatch):
    monkeypatch.setattr(clock, "_began", None)


def process_began(monkeypatch, when):
    monkeypatch.setattr(clock.psutil.Process, "create_time", lambda self: when)


def test_a_command_begins_with_its_process(no_session, monkeypatch):
    process_began(monkeypatch, time.time() - 7)
    clock.ClockHooks().after_context_created()
    assert time.time() - clock.began() == pytest.approx(7, abs=1)


def test_a_session_in_a_notebook_begins_with_itself(no_session, monkeypatch):
    process_began(monkeypatch, time.time() - 4000)
    clock.ClockHooks().after_context_created()
    assert time.time() - clock.began() == pytest.approx(0, abs=1)


def test_a_second_session_has_a_clock_of_its_own(no_session, monkeypatch):
    process_began(monkeypatch, time.time() - 7)
    clock.ClockHooks().after_context_created()
    clock.ClockHooks().after_context_created()
    assert time.time() - clock.began() == pytest.approx(0, abs=1)


def test_without_a_session_the_clock_begins_now(no_session):
    assert time.time() - clock.began() == pytest.approx(0, abs=1)
