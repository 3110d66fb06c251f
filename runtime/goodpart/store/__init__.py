"""The bundles of one inspection station: kept, tried, switched and inspected with."""
