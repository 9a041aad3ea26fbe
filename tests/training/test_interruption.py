import os
import signal

import pytest

from facial_keypoints.training import interruption


@pytest.fixture
def handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    interruption.listen()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    interruption._asked.clear()


class Interrupted:
    """Receives a signal in its destructor, where Python drops the exception."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        os.kill(os.getpid(), self.number)
        sum(range(1000))


@pytest.mark.fault("Killed", "Ctrl-C that Python drops in a destructor", "stops at the next step")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_in_a_destructor_is_not_lost(handlers, number):
    interruption.stop_if_asked()
    object_ = Interrupted(number)
    del object_
    with pytest.raises(KeyboardInterrupt):
        interruption.stop_if_asked()
    interruption.listen()
    interruption.stop_if_asked()
