"""The version of the software, in one place.

Between two releases it is the next one with ``.dev0``, so that no file says it comes from a release
that it does not come from. No content digest covers it.
"""

__version__ = "0.2.0.dev0"
