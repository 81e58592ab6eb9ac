"""A whole server for a test: launcher, nginx with the module, drivers; on a free port, in its own folder.

    with Server() as s:                       # real Spark (SPARK_HOME), local[2]
    with Server(scripted=True) as s:          # t/lib/scripted_driver.py instead of Spark
        status, body = s.post("/jobs?...", "a = 1")

Leaving the block stops everything and raises AssertionError when something was left behind: a process, a
file outside of what the launcher keeps, or a line in a log that tells of a fault of ours.
"""

import contextlib
import glob
import http.client
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
LAUNCHER = os.environ.get("SPARKJOB_LAUNCHER", os.path.join(BUILD, "sparkjob-launcher"))
MODULE = os.environ.get("SPARKJOB_MODULE", os.path.join(BUILD, "ngx_http_sparkjob_module.so"))
NGINX = os.environ.get("TEST_NGINX_BINARY", "/usr/sbin/nginx")
SPARK_HOME = os.environ.get("SPARK_HOME", os.path.join(BUILD, "spark"))
EXAMPLES = os.path.join(BUILD, "sparkjob-examples.jar")
CLASSES = os.path.join(BUILD, "driver", "classes.jsa")


def job_api(spark_home):
    """The jar of the job API for a Spark's Scala, and those that it needs."""
    scala = "2.13" if glob.glob(spark_home + "/jars/scala-library-2.13.*.jar") else "2.12"
    return os.path.join(BUILD, "driver", f"sparkjob-job-api_{scala}.jar"), sorted(glob.glob(f"{BUILD}/driver/lib_{scala}/*.jar"))


API_JAR, API_LIBS = job_api(SPARK_HOME)

# how much longer than on a quiet machine anything may take before it counts as never
PATIENCE = 6

OUR_FAULT = re.compile(
    r"\[(alert|emerg)\]| alert | emerg |[A-Za-z]+Sanitizer|runtime error:|UndefinedBehavior|Assertion")


# ports that were given: most are taken later only, and of some dozens two would be the same now and then
given_ports = set()

# of those who test side by side, each has its own
PART, PARTS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def free_port():
    """A TCP port on 127.0.0.1 that nobody has, of those that the system gives to no client meanwhile; each is given once."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        end = int(f.read().split()[0])
    span = (end - 10000) // PARTS
    first = 10000 + PART * span
    for _ in range(100):
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", random.SystemRandom().randrange(first, first + span) if span > 2000 else 0))
            port = s.getsockname()[1]
            if port not in given_ports:
                given_ports.add(port)
                return port
    raise AssertionError("no port is free")


def wait_until(what, condition, seconds=30.0, every=0.05):
    """Waits until condition() is true and returns it; AssertionError naming `what` after `seconds` of a quiet machine."""
    seconds *= PATIENCE
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"after {seconds} s still not: {what}"
        time.sleep(every)


def alive(pid):
    """Whether the process exists and is not a zombie."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def memory_kb(pid, what="VmRSS"):
    """A memory figure of a process in KiB: VmRSS (resident now), VmHWM (its peak), RssAnon (without files)."""
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(rf"{what}:\s+(\d+)", f.read()).group(1))


def cpu_seconds(pid):
    """What a process has used of the CPU, user and system."""
    with open(f"/proc/{pid}/stat") as f:
        user, system = f.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(c) for c in f.read().split()]


def end_nginx(master):
    """Sends SIGTERM to nginx, but first to its workers: the master, which stands still meanwhile, kills who takes longer
    than 1.5 s, as a worker does that looks for leaks in the end."""
    master.send_signal(signal.SIGSTOP)
    workers = children(master.pid)
    for pid in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    with contextlib.suppress(AssertionError):       # it is told of those whom the master has to kill in the end
        wait_until("all workers have ended", lambda: not any(map(alive, workers)), 20)
    master.send_signal(signal.SIGTERM)
    master.send_signal(signal.SIGCONT)


class Whole:
    """What is there within `with` as a whole: what begins by half is stopped."""

    def __enter__(self):
        try:
            self.begin()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()


class Server(Whole):
    launcher_file = LAUNCHER
    # drivers of tests live for seconds: one archive of classes for all (class_archive.py), without which they are slower
    # and nothing else, and the compiler that is quick itself
    jvm = [f"-XX:SharedArchiveFile={CLASSES}", "-Xlog:cds*=off", "-XX:TieredStopAtLevel=1"]

    def __init__(self, scripted=False, workers=2, launcher=None, nginx="", http="", location="", locations="", zone="", listen="",
                 start=True):
        """launcher: members that replace those of its configuration; nginx, http, location: lines for these blocks (of both APIs); locations: more of them;
        zone, listen: parameters of sparkjob_zone and listen."""
        self.scripted, self.workers, self.overrides = scripted, workers, launcher or {}
        self.nginx_lines, self.http_lines, self.location_lines, self.locations = nginx, http, location, locations
        self.zone_parameters, self.listen_parameters = zone, listen
        self.dir = tempfile.mkdtemp(prefix="sparkjob-")
        os.chmod(self.dir, 0o711)
        self.port = free_port()
        self.socket = self.dir + "/launcher.sock"
        self.launcher = self.nginx = None
        self.environment = {}       # more of it, for the launcher
        self.nginx_environment = {}
        self.expected = []
        self.plain_size = 300
        self.zone_size, self.module = "32m", MODULE
        self.start_at_once = start

    # start and end

    def begin(self):
        if self.start_at_once:
            self.start_launcher()
            self.start_nginx()
            self.wait_ready()

    def __exit__(self, kind, value, trace):
        problems = self.stop()
        if kind is None:
            assert not problems, "\n".join(problems)

    def config(self):
        config = {
            "data_dir": self.dir + "/data",
            "channel": {"socket": self.socket, "mode": "0666", "users": ["www-data", "nobody"]},
            "log": {"file": self.dir + "/launcher.log", "level": "debug"},
            # making an archive of classes takes a minute of a CPU: for those who look at that
            "driver": {"home": BUILD + "/driver", "spark_home": SPARK_HOME, "archive": "off",
                       "start_timeout": 60 * PATIENCE, "environment": {"SPARK_LOCAL_IP": "127.0.0.1"}},
            "context_settings": {"spark.master": "local[2]"},
        }
        if self.scripted:
            config["driver"]["command"] = ["/usr/bin/python3", ROOT + "/t/lib/scripted_driver.py"]
        else:
            config["driver"].update(stop_timeout=15 * PATIENCE, kill_timeout=5 * PATIENCE)
        for name, value in self.overrides.items():
            if isinstance(value, dict) and isinstance(config.get(name), dict):
                config[name] = {**config[name], **value}
            else:
                config[name] = value
        driver = config["driver"]
        if not self.scripted and driver["archive"] == "off":
            driver["options"] = [*self.jvm, *driver.get("options", ["-Xmx1g"])]
        return config

    def start_launcher(self):
        with open(self.dir + "/launcher.json", "w") as f:
            json.dump(self.config(), f, indent=4)
        self.launcher_output = open(self.dir + "/launcher.out", "ab")
        self.launcher = subprocess.Popen([self.launcher_file, "-c", self.dir + "/launcher.json"], stdin=subprocess.DEVNULL,
                                         stdout=self.launcher_output, stderr=self.launcher_output,
                                         env={**os.environ, **self.environment})

    def write_nginx_conf(self):
        os.makedirs(self.dir + "/nginx/logs", exist_ok=True)
        temp = "\n".join(f"    {n}_temp_path {self.dir}/nginx/{n};" for n in
                         ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        # an nginx that takes over from another has no other environment
        sanitizers = "".join(f"env {name};" for name in os.environ if name.endswith("SAN_OPTIONS"))
        with open(self.dir + "/nginx.conf", "w") as f:
            f.write(f"""
{"load_module " + self.module + ";" if self.module else ""}
{"user root;" if os.getuid() == 0 else ""}
{sanitizers}
worker_processes {self.workers};
worker_rlimit_nofile {resource.getrlimit(resource.RLIMIT_NOFILE)[1]};
pid {self.dir}/nginx.pid;
error_log {self.dir}/nginx/logs/error.log info;
events {{ worker_connections 25000; }}
{self.nginx_lines}
http {{
    access_log off;
{temp}
    sparkjob_zone spark {self.zone_size} unix:{self.socket} {self.zone_parameters};
    {self.http_lines}
    server {{
        listen 127.0.0.1:{self.port} backlog=16384 {self.listen_parameters};
        client_max_body_size 1g;
        sparkjob_sync_timeout 360s; sparkjob_context_timeout 600s; sparkjob_delete_timeout 360s; sparkjob_reply_timeout 360s;
        location / {{ sparkjob spark; sparkjob_ui @sparkjob_ui; {self.location_lines} }}
        location /livy/ {{ sparkjob_livy spark; {self.location_lines} }}
        {self.locations}
        location @sparkjob_ui {{ include {ROOT}/conf/nginx-ui.conf; }}
        location = /plain {{ {self.plain()} }}
    }}
}}
""")

    def plain(self):
        """`return` of plain_size bytes; nginx reads no word of more than 4 KiB."""
        if self.plain_size <= 4000:
            return f'return 200 "{"x" * self.plain_size}";'
        return f'set $k "{"x" * 1000}"; return 200 "{"x" * (self.plain_size % 1000)}{"$k" * (self.plain_size // 1000)}";'

    def start_nginx(self):
        self.write_nginx_conf()
        self.nginx = subprocess.Popen(
            [NGINX, "-p", self.dir + "/nginx", "-e", self.dir + "/nginx/logs/error.log",
             "-c", self.dir + "/nginx.conf", "-g", "daemon off;"],
            env={**os.environ, **self.nginx_environment}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(self.dir + "/nginx.err", "ab"))

    def nginx_restart(self, zone_size=None):
        """A new nginx, with an empty zone."""
        self.zone_size = zone_size or self.zone_size
        end_nginx(self.nginx)
        assert self.nginx.wait(20 * PATIENCE) == 0
        self.start_nginx()
        self.wait_ready()

    def wait_ready(self, seconds=20):
        def healthy():
            assert self.nginx.poll() is None, "nginx did not start: " + self.read("nginx.err")
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.get("/healthz")[0] == 200
        wait_until("the server is healthy", healthy, seconds)

    def stop(self):
        """Stops all and returns what was wrong, a list of sentences."""
        problems = []
        for name, process in (("nginx", self.nginx), ("launcher", self.launcher)):
            if process is None or process.poll() is not None:
                continue
            end_nginx(process) if process is self.nginx else process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(40 * PATIENCE)
                if code:
                    problems.append(f"{name} ended with {code}: {self.read(name + '.out')}{self.read(name + '.err')}")
            except subprocess.TimeoutExpired:
                problems.append(f"{name} did not stop on SIGTERM")
                process.kill()
                process.wait()
        with contextlib.suppress(AssertionError):       # a driver was waited for, its children were only signalled
            wait_until("all have ended", lambda: not self.drivers(), 1)
        for pid in self.drivers():
            problems.append(f"driver {pid} was left")
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        problems += self.log_problems()
        problems += [f"file left: {f}" for f in glob.glob(self.dir + "/data/tmp/*")]
        if os.path.exists(self.socket):
            problems.append("the launcher left its socket")
        if problems and os.environ.get("SPARKJOB_KEEP"):
            problems.append("kept: " + self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)
        return problems

    def check(self):
        """(exit code, lines) of the launcher's command that looks at the data folder."""
        p = subprocess.run([LAUNCHER, "check", "-c", self.dir + "/launcher.json"], capture_output=True, text=True)
        assert p.returncode in (0, 1) and not p.stderr, p.stderr
        return p.returncode, p.stdout.splitlines()

    def log_problems(self):
        """Lines in the logs that tell of a fault of ours, unless a test expects them (self.expected: expressions)."""
        found = []
        for name in ("nginx/logs/error.log", "launcher.log", "launcher.out", "nginx.err"):
            for line in self.read(name).splitlines():
                if OUR_FAULT.search(line) and not any(re.search(e, line) for e in self.expected):
                    found.append(f"{name}: {line}")
        return found

    # a look inside

    def read(self, name):
        try:
            with open(f"{self.dir}/{name}", errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def drivers(self):
        """Pids of all processes that were started with this server's socket in their environment."""
        found = []
        for path in glob.glob("/proc/[0-9]*/environ"):
            with contextlib.suppress(OSError):
                with open(path, "rb") as f:
                    if f"SPARKJOB_SOCKET={self.socket}".encode() in f.read().split(b"\0"):
                        pid = int(path.split("/")[2])
                        if alive(pid):
                            found.append(pid)
        return found

    def driver(self, context):
        """The pid of a context's driver."""
        mine = "SPARKJOB_CONTEXT=" + self.get(f"/contexts/{context}")[1]["id"]
        for pid in self.drivers():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as f:
                if mine.encode() in f.read().split(b"\0"):
                    return pid
        raise AssertionError(f"{context} has no driver")

    def worker_pids(self):
        return [p for p in children(self.nginx.pid) if alive(p)]

    # HTTP

    def request(self, method, path, body=None, headers=None, timeout=900):
        """(status, headers, bytes of the body)"""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            c.request(method, path, body, headers or {})
            r = c.getresponse()
            return r.status, dict(r.getheaders()), r.read()
        finally:
            c.close()

    def json(self, method, path, body=None, headers=None, timeout=900):
        """(status, the body as JSON, None when it is empty)"""
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        status, _, text = self.request(method, path, body, headers, timeout)
        return status, json.loads(text) if text else None

    def get(self, path, **more):
        return self.json("GET", path, **more)

    def post(self, path, body="", **more):
        return self.json("POST", path, body, **more)

    def delete(self, path, **more):
        return self.json("DELETE", path, **more)

    def upload(self, name, path, kind="application/java-archive"):
        with open(path, "rb") as f:
            status, body = self.json("POST", f"/binaries/{name}", f.read(), {"Content-Type": kind})
        assert status == 201, body

    def context(self, name, body="", **settings):
        query = urllib.parse.urlencode(settings)
        status, answer = self.post(f"/contexts/{name}?{query}", body)
        assert status == 200, answer

    def run(self, main_class, body="", context="c", cp="examples", sync=True, timeout=60 * PATIENCE, **more):
        """POST /jobs; (status, body)"""
        query = {"cp": cp, "mainClass": main_class, "timeout": timeout, **more}
        if context:
            query["context"] = context
        if sync:
            query["sync"] = "true"
        return self.post("/jobs?" + urllib.parse.urlencode(query), body)

    def job(self, job_id):
        status, body = self.get(f"/jobs/{job_id}")
        assert status == 200, body
        return body

    def wait_job(self, job_id, seconds=60):
        """The report of a job once its state is final."""
        return wait_until(f"job {job_id} is final", lambda: (
            lambda j: j if j["status"] in ("FINISHED", "ERROR", "KILLED") else None)(self.job(job_id)), seconds)


def scalac(folder, source, jar, spark_home=SPARK_HOME):
    """Compiles Scala source text against the job API jar and Spark, as a user would; writes the jar."""
    os.makedirs(folder + "/classes")
    with open(folder + "/Job.scala", "w") as f:
        f.write(source)
    spark = glob.glob(spark_home + "/jars/*.jar")
    api, libs = job_api(spark_home)
    subprocess.run(["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", ":".join(spark), "scala.tools.nsc.Main",
                    "-nowarn", "-usejavacp", "-cp", ":".join([api] + libs), "-d", folder + "/classes",
                    folder + "/Job.scala"], check=True)
    shutil.make_archive(folder + "/out", "zip", folder + "/classes")
    os.replace(folder + "/out.zip", jar)
