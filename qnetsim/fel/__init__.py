"""Quantum-secured federated edge learning: pure arithmetic, cryptography and messages.

Nothing here depends on the simulator. The protocol yields messages with source, target and size,
and is told which of them were delivered.
"""
