"""The command line within this process: no second for each call, where a test makes many."""

import io
import subprocess

import pytest
from typer.testing import CliRunner

from amiko import console
from amiko.cli import build
from domain.errors import AmikoError


def amiko(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end; errors are told as `amiko.cli.main` tells them."""
    output, told = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        # not `file`: it is never unset, so that afterwards it would stay what standard error was here
        patch.setattr(console.out, "_file", output)
        patch.setattr(console.err, "_file", told)
        ended = CliRunner().invoke(build(arguments[0]), list(arguments))
    status = ended.exit_code
    if isinstance(ended.exception, AmikoError):
        status = ended.exception.exit_status
        told.write(str(ended.exception))
    elif ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return subprocess.CompletedProcess(list(arguments), status, output.getvalue(), told.getvalue() + ended.stderr)
