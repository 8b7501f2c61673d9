"""Lets the benchmarks import their baseline."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
