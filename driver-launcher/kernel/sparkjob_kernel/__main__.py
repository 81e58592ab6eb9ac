# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

"""
    python -m sparkjob_kernel install [--user | --prefix PREFIX]    tells Jupyter of the kernels
    python -m sparkjob_kernel scala|python|sql -f FILE              is one of them, as Jupyter starts it
"""

import argparse
import json
import os
import sys
import tempfile

from jupyter_client.kernelspec import KernelSpecManager

from sparkjob_kernel.language import LANGUAGES


def install(argv):
    parser = argparse.ArgumentParser(prog="python -m sparkjob_kernel install", description="Tells Jupyter of the kernels.")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--user", action="store_true", help="for this user only")
    where.add_argument("--prefix", default=sys.prefix, help="below PREFIX/share/jupyter (default: this Python's)")
    wanted = parser.parse_args(argv)
    for language in LANGUAGES.values():
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "kernel.json"), "w") as f:
                json.dump(language.spec(sys.executable), f, indent=1)
            print("Installed", KernelSpecManager().install_kernel_spec(
                folder, language.spec_name, user=wanted.user, prefix=None if wanted.user else wanted.prefix))


def run(name, argv):
    # late, since it is not needed for installing, and takes a while
    from ipykernel.kernelapp import IPKernelApp

    from sparkjob_kernel.kernel import kernel_of

    IPKernelApp.launch_instance(argv=argv, kernel_class=kernel_of(LANGUAGES[name]))


def main():
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what == "install":
        install(sys.argv[2:])
    elif what in LANGUAGES:
        run(what, sys.argv[2:])
    else:
        sys.exit(__doc__.strip("\n"))


if __name__ == "__main__":
    main()
