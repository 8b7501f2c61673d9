"""Independent demand, Eq (7): recourse for one realisation, decomposition, sampling."""
