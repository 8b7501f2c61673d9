"""Prints the page of the reproduction from the results that are shipped: ``make docs``."""

from __future__ import annotations

from qnetsim.studies.paper.paper_results import PaperResults
from qnetsim.studies.paper.reproduction import page

#: Where its pictures are.
PICTURES = "../images/"


def shipped_page() -> str:
    """The page as Markdown."""
    return page(PaperResults.read(), PICTURES)


if __name__ == "__main__":
    print(shipped_page(), end="")
