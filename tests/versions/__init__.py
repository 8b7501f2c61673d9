"""Both ends of what the dependencies may be: `make versions`."""
