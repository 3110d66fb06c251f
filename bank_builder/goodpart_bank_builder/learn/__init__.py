"""Good images become a bank and its calibration."""
