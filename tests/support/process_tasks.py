"""Tasks for other processes, which import little: TensorFlow would take seconds."""

import logging
import os
import signal
import time

from facial_keypoints.errors import InputError


def double(number):
    logging.getLogger("facial_keypoints.test").info("doubling %d", number)
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    return 2 * number, os.getpid(), cores, os.environ["TF_ENABLE_ONEDNN_OPTS"]


def fail(number):
    raise InputError(f"no more than {number}")


def kill_itself(number):
    os.kill(os.getpid(), signal.SIGKILL)


def announce_and_wait(_number):
    print("training", flush=True)
    time.sleep(600)
