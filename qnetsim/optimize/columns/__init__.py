"""Column generation behind the routes program: master, pricing, integer stage, feasibility."""
