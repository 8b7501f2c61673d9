"""Jobs on a Dask cluster that somebody else has started."""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from qnetsim.errors import TraceError, UsageError, argument
from qnetsim.extras import require
from qnetsim.studies.sweep.executors import HeldCrew
from qnetsim.studies.sweep.job_records import JobRecord
from qnetsim.studies.sweep.jobs import do_jobs
from qnetsim.studies.sweep.manifest import NAME
from qnetsim.version import __version__

#: How long to wait for the scheduler, and how long a count of workers holds, in seconds.
CONNECT_S = 15.0
COUNT_S = 2.0
#: Loggers that Dask's configuration gives levels of their own, and those of what it rests on.
LOGS = ("distributed", "distributed.client", "tornado.application", "asyncio")


class DaskCrew(HeldCrew):
    """The workers of a Dask scheduler, which share the folder of the sweep.

    Dask itself gives the jobs of a worker that died to another one, and says so when that has
    happened too often. Certificates of ``tls://`` are those of Dask's own configuration.

    Parameters
    ----------
    address : str
        ``tcp://HOST:PORT`` or ``tls://HOST:PORT``.
    folder : Path
        Of the sweep; every worker must see it under this name.

    Raises
    ------
    MissingExtraError
        Dask is not installed.
    UsageError
        No scheduler answers, or a worker has another version or does not see the folder.
    """

    def __init__(self, address: str, folder: Path) -> None:
        require("a Dask scheduler", "distributed")
        from distributed import Client

        # what went wrong is told here, without the library's tracebacks
        for name in LOGS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        parts = urlsplit(address)
        if parts.scheme not in {"tcp", "tls"} or not parts.hostname or not _port(address):
            raise UsageError(
                f"{argument('scheduler', address)}: write tcp://HOST:PORT or tls://HOST:PORT, "
                "as `dask scheduler` prints it"
            )
        if parts.scheme == "tls":
            _refuse_without_certificates(address)
        try:
            self._client = Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError, RuntimeError) as error:
            why = f"{type(error).__name__}: {error}"
            raise UsageError(
                f"{argument('scheduler', address)}: no scheduler answers ({why}); "
                "start one with `dask scheduler`"
            ) from None
        self._executor = self._client.get_executor(pure=False)
        self._counted: tuple[float, int] = (0.0, 0)
        try:
            self._refuse_strangers(folder)
        except BaseException:
            self._client.close()
            raise

    def _refuse_strangers(self, folder: Path) -> None:
        found: dict[str, Any] = self._client.run(about_worker, str(folder))
        for worker, (version, sees) in found.items():
            if version != __version__:
                raise UsageError(
                    f"Dask worker {worker} has qnetsim {version}, and this is {__version__}; "
                    "install one version on all machines"
                )
            if not sees:
                raise UsageError(
                    f"Dask worker {worker} does not see {folder}; put the sweep on a file "
                    "system that all machines share, under one name"
                )

    @property
    def workers(self) -> int:
        """How many jobs are done at the same time; at least one, for workers may come later."""
        counted_at, count = self._counted
        if time.monotonic() - counted_at > COUNT_S or not count:
            # the threads of a worker take turns: a job has its process for itself
            count = len(self._client.nthreads()) if self._client.status == "running" else 1
            self._counted = (time.monotonic(), count)
        return max(count, 1)

    @property
    def has_workers(self) -> bool:
        """Whether any worker is there by now."""
        return bool(self._client.nthreads())

    def submit(self, folder: Path, lines: Sequence[str]) -> Future[list[JobRecord]]:
        """Begin jobs.

        Raises
        ------
        TraceError
            The scheduler is gone.
        """
        if self._client.status != "running":
            self.renew()
        future: Future[list[JobRecord]] = self._executor.submit(do_jobs, str(folder), tuple(lines))
        return future

    def renew(self) -> None:
        """Refuse: the cluster is somebody else's."""
        raise TraceError("the Dask scheduler is gone; what is done stands, run the sweep again")

    def close(self, *, failed: bool) -> None:
        """Leave the cluster to itself."""
        # jobs that wait are taken back: without their client nobody wants them
        self._executor.shutdown(wait=False)
        self._client.close()


def _refuse_without_certificates(address: str) -> None:
    """Refuse TLS for which Dask's configuration names no certificates that can be read.

    Raises
    ------
    UsageError
    """
    from distributed.security import Security

    keys = "distributed.comm.tls.ca-file, .client.cert and .client.key"
    try:
        context = Security().get_connection_args("client").get("ssl_context")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{argument('scheduler', address)}: certificates cannot be read ({error}); Dask's "
            f"configuration names them as {keys}"
        ) from None
    if context is None:
        raise UsageError(
            f"{argument('scheduler', address)}: TLS needs certificates; name them in Dask's "
            f"configuration as {keys}, or by DASK_DISTRIBUTED__COMM__TLS__CA_FILE, "
            "…__CLIENT__CERT and …__CLIENT__KEY"
        )


def about_worker(folder: str) -> tuple[str, bool]:
    """Version of a worker, and whether it sees a sweep."""
    return __version__, (Path(folder) / NAME).is_file()


def is_open(address: str) -> bool:
    """Whether an address is reached over a network without encryption."""
    parts = urlsplit(address)
    try:
        local = ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        local = parts.hostname == "localhost"
    return parts.scheme != "tls" and not local


def _port(address: str) -> int | None:
    try:
        return urlsplit(address).port
    except ValueError:
        return None
