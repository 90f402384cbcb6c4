"""The training loop, top to bottom: samples, losses, the run. Imports all rooms but cli and page."""
