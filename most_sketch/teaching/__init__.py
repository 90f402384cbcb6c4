"""Teach weights a new style from a handful of pairs. Imports training and all rooms below it."""
