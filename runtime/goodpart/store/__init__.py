"""Bundle store of one inspection station: keeps, tries and switches bundles, and inspects with the active one."""
