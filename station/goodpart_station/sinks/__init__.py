"""What results go to beside the PLC."""
