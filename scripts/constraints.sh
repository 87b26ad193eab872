#!/bin/sh
# Exact versions of everything, from the direct dependencies in pyproject.toml, tried out in a new environment; and the
# sha256 of each file that the package index has of them.
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
# torch is left out: which wheel is right, and what it brings, differs from machine to machine (docs/decisions.md)
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check uv
{
    echo "# Made by 'make constraints' from constraints.txt."
    grep -v '^torch==' constraints.txt | "$folder/venv/bin/uv" pip compile --quiet --no-config --no-deps \
        --generate-hashes --no-header --no-annotate --python "$folder/venv/bin/python" -
} > "$folder/hashes.txt"
mv "$folder/hashes.txt" hashes.txt
