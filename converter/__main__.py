"""Run `python -m gluon2torch`, which is the same as `gluon2torch`."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="gluon2torch")
