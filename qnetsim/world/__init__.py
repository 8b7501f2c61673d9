"""What happens, outside every policy: demand, yields, faults, arrivals. No policy imports it."""
