"""Names of what a report consists of."""

#: The page of a report, and the folder of its figures.
PAGE = "report.html"
FIGURES = "figures"
#: What every page has in its head.
MARK = b"<title>qnetsim: "
#: Its figures, in the order of the page, and why a report may lack them.
FIGURE_NAMES = {
    "costs": "",
    "keys": "",
    "network": "",
    "transient": "nothing starts empty in this scenario",
    "waiting": "no request waited",
    "partings": "there is one policy only",
    "training": "the scenario has no federated task",
    "curves": "no learning curve is among the files",
}
