"""Scores of drawn sketches against artists' sketches, by the protocol of docs/protocol.md."""
