"""Supervisors that keep services running: systemd, launchd."""
