"""`python -m amiko`, the same as `amiko`."""

from amiko.cli import main

main()
