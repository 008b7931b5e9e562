"""Whether the machine runs on battery."""

from __future__ import annotations

import psutil


def on_battery() -> bool:
    """False for a machine that has none, or does not tell."""
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return battery is not None and battery.power_plugged is False
