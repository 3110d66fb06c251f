"""An evaluation becomes an HTML page."""
