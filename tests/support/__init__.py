"""What several tests share: places, scenarios, runs, the reference kernel."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "scenarios"
