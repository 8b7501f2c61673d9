"""Job filter: what the past of each pair tells of the jobs that it is part of, told their law."""

from __future__ import annotations

from qnetsim.errors import UsageError
from qnetsim.policies.base import Setting
from qnetsim.policies.rules.job_law_filter import JobLawFilter
from qnetsim.policies.rules.law_policy import LawPolicy, LevelLaw


class JobFilter(LawPolicy):
    """Filter the jobs of every pair, and hold the quantile of the loads of the slot to come.

    It is told the law of the jobs, by the scenario's [jobs], and sees the levels of past slots.
    Pairs are filtered by themselves: that those of a job have a hub in common does not enter.
    """

    def level_law(self, setting: Setting) -> LevelLaw:
        """Filter that is told the law.

        Raises
        ------
        UsageError
            The demand has no jobs.
        """
        if setting.forecast.jobs is None:
            raise UsageError("job-filter: the demand has no jobs; give the scenario [jobs]")
        return JobLawFilter(setting.forecast)
