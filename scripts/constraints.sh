#!/bin/sh
# Exact versions of everything, from the direct dependencies in pyproject.toml, tried out in a new environment.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check -e '.[test]'
{
    echo "# Made by 'make constraints' from pyproject.toml."
    # a local version (2.13.0+cpu) says how a wheel was built, and is not to be had everywhere
    "$folder/venv/bin/python" -m pip freeze --disable-pip-version-check --exclude amiko | sed 's/+[a-z0-9.]*$//'
} > constraints.txt
