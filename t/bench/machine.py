"""On what was measured."""

import os
import re
import subprocess
import time


def machine(before=None):
    """before: the same at the beginning, whose load is kept beside that of now."""
    with open("/proc/cpuinfo") as f:
        cpu = re.search(r"model name\s*: (.*)", f.read())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    load = [round(os.getloadavg()[0], 2)]
    return {"cpus": len(os.sched_getaffinity(0)), "cpu": cpu.group(1) if cpu else os.uname().machine, "memory": round(memory),
            "kernel": os.uname().release, "nginx": version("/usr/sbin/nginx", "-v"), "java": version("java", "-version"),
            "load": before["load"] + load if before else load, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def version(*command):
    out = subprocess.run(command, capture_output=True, text=True)
    return (out.stdout + out.stderr).splitlines()[0]
