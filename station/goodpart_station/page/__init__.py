"""The operator page: what the station does, the newest part and its picture, labels, threshold, product."""
