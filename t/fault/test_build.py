"""Which nginx the module can be built for."""

import glob
import subprocess

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
