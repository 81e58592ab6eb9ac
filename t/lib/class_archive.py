"""Makes the archive of classes that drivers of tests share (CLASSES of sparkjob_server), as a launcher makes it."""

import glob
import os
import shutil

from sparkjob_server import CLASSES, Server, wait_until

with Server(launcher={"driver": {"archive": "on"}}) as s:
    made = wait_until("an archive is made", lambda: glob.glob(s.dir + "/data/archives/*.jsa"), 600)
    shutil.copy(made[0], CLASSES + ".new")
os.replace(CLASSES + ".new", CLASSES)
