"""Which nginx the module can be built for, and what is said when it cannot."""

import glob
import os
import subprocess

import pytest
from sparkjob_server import BUILD, ROOT

NGINX_DEV = "/usr/share/nginx/src/src/"
HEADERS = ("core", "event", "event/modules", "os/unix", "http", "http/modules", "http/v2")


def test_macros_of_older_nginx(tmp_path):
    """Those of ngx_buf.h did not always put what they are given into parentheses."""
    with open(NGINX_DEV + "core/ngx_buf.h") as f:
        header = f.read()
    assert "(b)->" in header
    (tmp_path / "ngx_buf.h").write_text(header.replace("(b)->", "b->"))
    folders = [tmp_path, *(NGINX_DEV + h for h in HEADERS), BUILD + "/nginx",
               ROOT + "/ngx_http_sparkjob_module", ROOT + "/driver-launcher/include"]
    compiled = subprocess.run(["gcc", "-fsyntax-only", *(f"-I{f}" for f in folders),
                               *glob.glob(ROOT + "/ngx_http_sparkjob_module/*.c")], stderr=subprocess.PIPE, text=True)
    assert compiled.returncode == 0, compiled.stderr


@pytest.mark.parametrize("target", ["module", "static"])
@pytest.mark.parametrize("configure", ["configure", "auto/configure"])
def test_configure_that_fails_says_why(tmp_path, target, configure):
    """Also in a tree as it is in nginx's own repository, where the script is in auto/."""
    script = tmp_path / configure
    script.parent.mkdir(exist_ok=True)
    script.write_text("#!/bin/sh\necho checking for PCRE library ... not found\necho the HTTP rewrite module requires it >&2\nexit 1\n")
    script.chmod(0o755)
    build = os.path.relpath(tmp_path, ROOT) + "/build"
    make = subprocess.run(["make", "-s", "-C", ROOT, target, f"NGINX_SRC={tmp_path}", f"BUILD={build}"],
                          capture_output=True, text=True)
    assert make.returncode != 0 and "the HTTP rewrite module requires it" in make.stdout + make.stderr
