#!/usr/bin/env python3
"""Convert MXNet Gluon networks to PyTorch: `python convert.py --help`."""

from converter.commands.convert import convert_command

if __name__ == "__main__":
    convert_command(prog_name="convert.py")
