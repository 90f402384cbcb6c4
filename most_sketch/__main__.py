"""`python -m most_sketch` is the `most-sketch` command."""

from most_sketch.cli import main

if __name__ == "__main__":
    main()
