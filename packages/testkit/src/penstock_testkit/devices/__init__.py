"""Devices without hardware, so that the contract of a device is tested wherever the kit runs."""
