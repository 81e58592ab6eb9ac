"""A real KDC of MIT Kerberos for a test, with a realm of its own, in a folder of its own.

    with Kdc(life=60) as kdc:                     # tickets are good for a minute
        kdc.keytab("hdfs", "localhost")           # path of a keytab for hdfs/localhost@SPARKJOB.TEST
        kdc.options                               # what a JVM needs to know of it
        kdc.environment                           # what else needs to

    with secure_hadoop(kdc, 60) as h:             # HDFS and YARN that believe only the KDC (t/lib/hadoop.py)

Its programs come by Debian's krb5-kdc, krb5-admin-server and krb5-user; none runs as a service.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile

from hadoop import Hadoop
from sparkjob_server import Whole, free_port, wait_until

REALM = "SPARKJOB.TEST"


class Kdc(Whole):
    def __init__(self, life=86400):
        """life: seconds that tickets are good for."""
        self.life = life
        self.dir = tempfile.mkdtemp(prefix="sparkjob-kdc-")
        self.port = free_port()
        self.file = self.dir + "/krb5.conf"
        self.environment = {"KRB5_CONFIG": self.file, "KRB5_KDC_PROFILE": self.dir + "/kdc.conf"}
        self.options = [f"-Djava.security.krb5.conf={self.file}"]
        self.process = None

    def begin(self):
        self.write()
        self.run("/usr/sbin/kdb5_util", "create", "-s", "-r", REALM, "-P", "the master's password")
        self.admin(f"modprinc -maxlife {self.life}sec krbtgt/{REALM}")
        self.start()

    def start(self):
        with open(self.dir + "/out", "ab") as out:
            self.process = subprocess.Popen(["/usr/sbin/krb5kdc", "-n"], env=self.env(), stdout=out, stderr=out)
        wait_until("the KDC listens", self.listens, 30)

    def end(self):
        if self.process:
            self.process.terminate()
            self.process.wait(120)
            self.process = None

    def env(self):
        return {**os.environ, **self.environment}

    def write(self):
        # no name is looked up, no UDP: what is lost would be asked for again after seconds
        with open(self.file, "w") as f:
            f.write(f"""[libdefaults]
 default_realm = {REALM}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
 ticket_lifetime = {self.life}
 forwardable = true
[realms]
 {REALM} = {{
  kdc = 127.0.0.1:{self.port}
 }}
[domain_realm]
 localhost = {REALM}
""")
        with open(self.dir + "/kdc.conf", "w") as f:
            f.write(f"""[kdcdefaults]
 kdc_listen = 127.0.0.1:{self.port}
 kdc_tcp_listen = 127.0.0.1:{self.port}
[realms]
 {REALM} = {{
  database_name = {self.dir}/principal
  key_stash_file = {self.dir}/stash
  acl_file = {self.dir}/acl
  max_life = {self.life}
  max_renewable_life = 7d
  supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal
 }}
[logging]
 kdc = FILE:{self.dir}/kdc.log
""")

    def run(self, *command):
        done = subprocess.run(command, env=self.env(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, f"{command}: {done.stdout}"
        return done.stdout

    def admin(self, query):
        return self.run("/usr/sbin/kadmin.local", "-r", REALM, "-q", query)

    def listens(self):
        assert self.process.poll() is None, self.log("out")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True

    def principal(self, name, host=None):
        return f"{name}/{host}@{REALM}" if host else f"{name}@{REALM}"

    def keytab(self, name, host=None):
        """Makes a principal and a keytab for it: its path."""
        path = f"{self.dir}/{name}.keytab"
        self.admin(f"addprinc -randkey -maxlife {self.life}sec {self.principal(name, host)}")
        self.admin(f"ktadd -k {path} {self.principal(name, host)}")
        return path

    def log(self, name="kdc.log"):
        with open(f"{self.dir}/{name}", errors="replace") as f:
            return f.read()

    def tickets(self, client):
        """How many tickets of its own the client was given so far."""
        return sum("AS_REQ" in line and "ISSUE" in line and f"{client} for krbtgt/" in line for line in self.log().splitlines())

    def stop(self):
        self.end()
        shutil.rmtree(self.dir, ignore_errors=True)


@contextlib.contextmanager
def secure_hadoop(kdc, life, **more):
    """Hadoop whose daemons believe only the KDC; delegation tokens of HDFS have to be renewed within `life` seconds. Their shell is
    HDFS's own user. jobserver may act for alice and bob."""
    keytab, principal = kdc.keytab("hdfs", "localhost"), kdc.principal("hdfs", "localhost")
    core = {
        "hadoop.security.authentication": "kerberos",
        "hadoop.security.authorization": "true",
        "hadoop.kerberos.min.seconds.before.relogin": 5,
        "hadoop.security.auth_to_local": f"RULE:[2:$1@$0](.*@{REALM})s/@.*// DEFAULT",
        "hadoop.proxyuser.jobserver.hosts": "*",
        "hadoop.proxyuser.jobserver.users": "alice,bob",
    }
    hdfs = {
        "dfs.permissions.superusergroup": "hdfs",
        "dfs.datanode.hostname": "localhost",
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        "dfs.block.access.token.enable": "true",
        "dfs.data.transfer.protection": "authentication",
        "ignore.secure.ports.for.testing": "true",
        "dfs.namenode.delegation.token.renew-interval": life * 1000,
        "dfs.web.authentication.kerberos.principal": kdc.principal("HTTP", "localhost"),
        "dfs.web.authentication.kerberos.keytab": kdc.keytab("HTTP", "localhost"),
        **more.pop("hdfs_site", {}),
    }
    for daemon in ("namenode", "datanode"):
        hdfs[f"dfs.{daemon}.kerberos.principal"] = principal
        hdfs[f"dfs.{daemon}.keytab.file"] = keytab
    yarn, keytab_of_yarn = {}, kdc.keytab("yarn", "localhost")
    for daemon in ("resourcemanager", "nodemanager"):
        yarn[f"yarn.{daemon}.principal"] = kdc.principal("yarn", "localhost")
        yarn[f"yarn.{daemon}.keytab"] = keytab_of_yarn
    # the shell is who asks the KDC by this cache
    environment = {**kdc.environment, "KRB5CCNAME": kdc.dir + "/cache"}
    with Hadoop(host="localhost", core_site=core, hdfs_site=hdfs, yarn_site={**yarn, **more.pop("yarn_site", {})}, options=kdc.options,
                environment=environment, **more) as h:
        subprocess.run(["kinit", "-kt", keytab, principal], env={**os.environ, **environment}, check=True)
        h.fs("-mkdir", "-p", "/user")
        h.fs("-chmod", "777", "/", "/user")
        yield h
