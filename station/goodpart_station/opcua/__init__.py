"""The OPC UA server: the Machine Vision companion specification, for PLCs and MES."""
