"""Paired sets of photos and sketches: find, hold out, read, prepare. Imports photo."""
