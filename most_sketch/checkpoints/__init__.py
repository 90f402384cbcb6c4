"""A name, path or address -> a file that is what it says -> a network. Imports network and photo."""
