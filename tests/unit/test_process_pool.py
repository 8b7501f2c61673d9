"""Work that is submitted while a process dies is told of, too."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import process
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import pytest

from qnetsim.process_pool import ProcessPool


def test_work_that_is_submitted_while_a_process_dies_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    made = process._WorkItem  # type: ignore[attr-defined]
    pool = ProcessPool(1, mp_context=get_context("spawn"))
    with pool:
        worker = pool.submit(os.getpid).result(60)

        def made_late(*given: object) -> object:
            # the pool has looked whether it is broken, and not taken the work yet
            os.kill(worker, signal.SIGKILL)
            time.sleep(1)
            return made(*given)

        with monkeypatch.context() as late:
            late.setattr(process, "_WorkItem", made_late)
            future = pool.submit(os.getpid)
        assert isinstance(future.exception(60), BrokenProcessPool)
        with pytest.raises(BrokenProcessPool):
            pool.submit(os.getpid)
