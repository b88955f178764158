"""What every service shares: telemetry, settings, addresses, HTTP."""
