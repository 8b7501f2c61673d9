"""Linear and integer programs, and the libraries that solve them."""
