"""`python -m crocevia` is `crocevia`."""

from crocevia.cli import main

if __name__ == "__main__":
    main(prog_name="crocevia")
