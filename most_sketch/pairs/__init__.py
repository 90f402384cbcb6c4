"""Paired sets of photos and sketches: find, hold out, read, prepare; mattes of the photos. Imports photo."""
