"""Links to a PLC: triggers in, verdicts out."""
