"""Names of what a report consists of."""

#: The page of a report, and the folder of its figures.
PAGE = "report.html"
FIGURES = "figures"
