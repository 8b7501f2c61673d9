"""Quantum-secured federated edge learning: pure arithmetic, cryptography and messages.

Nothing here knows the simulator: messages say who sends whom how many bytes, and take what was
delivered.
"""
