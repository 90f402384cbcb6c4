"""Photo -> face -> network -> sketch: one, many, on a cluster. Imports checkpoints, network and photo."""
