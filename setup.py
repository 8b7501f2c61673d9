"""Everything is in `setup.cfg`; this adds the folders that it maps into the package."""

from setuptools import find_packages, setup

SHIPPED = ["qnetsim.models", "qnetsim.scenarios", "qnetsim.traces"]

setup(packages=[*find_packages(include=["qnetsim*"]), *SHIPPED])
