"""The fault matrix and the random walk: `make matrix FAULTS=2000 SEED=1`.

The matrix: each step (upload, create, submit, run, result, kill, delete) is done once to learn which fault points it
passes, then once for each of them and each thing that can happen there.  The walk: four clients do whatever they like,
faults strike anywhere, also two at once.  After each step or round everything has to hold that fault_check.py looks at.

    matrix.py --faults 2000 --seed 1            # the matrix, then rounds of the walk until so many faults have struck
    matrix.py --seed 1 --part 2/4 --round 17    # that round of the second of four servers again, in a new one
    matrix.py --entry delete.row/fail           # those entries of the matrix
"""

import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from fault_world import CONTEXTS, POINTS, World, plan_faults  # noqa: E402

MANY = 1000000


# the steps, each with what has to be there before

def upload(world, client, rng):
    world.upload(client, rng, "b0")


def create(world, client, rng):
    world.create(client, rng, "spare")


def submit(world, client, rng):
    world.submit(client, rng, "plain", "noop", sync=False, big=True)
    world.submit(client, rng, "kept", "echo", sync=False)


def run(world, client, rng):
    world.submit(client, rng, "plain", "sleep", sync=True)
    world.submit(client, rng, "kept", "progress", sync=True, big=True)


def result(world, client, rng):
    world.submit(client, rng, "plain", "big", sync=True)
    world.submit(client, rng, "kept", "throw", sync=True)


def kill(world, client, rng):
    for context in "plain", "kept":
        world.submit(client, rng, context, "long", sync=False)
        world.kill_job(client, rng, newest=True)


def delete(world, client, rng):
    world.unload(client, rng, "b0")
    world.delete(client, rng, "plain")
    world.delete(client, rng, "kept")


STEPS = {step.__name__: step for step in (upload, create, submit, run, result, kill, delete)}


def prepare(world, step, rng):
    """What a step needs is there, what it makes is not."""
    world.client.close()        # a worker that was struck after its last answer had that connection
    for name in "kept", "plain":
        if name not in world.running and not world.create(world.client, rng, name):
            world.violations.append(f"context {name} cannot be made, though it is not there")
    if step == "create" and "spare" in world.running:
        world.delete(world.client, rng, "spare")
    if step == "delete" and world.binaries.get("b0", {None}) == {None}:
        world.upload(world.client, rng, "b0")
    return world.settle()


def passes(world, step, rng):
    """How often a step passes each point."""
    slots = {point: world.faults.arm(point, "delay", MANY) for point in POINTS}
    world.begin_round()
    STEPS[step](world, world.client, rng)
    world.settle()
    return {point: MANY - left for point, left in world.passed(slots).items()}


def entries(world, seed):
    """(step, point, action, passes to let by): first, and if there are more, last."""
    for step in STEPS:
        rng = random.Random(f"{seed} {step}")
        if not prepare(world, step, rng):
            return
        for point, n in sorted(passes(world, step, rng).items()):
            for action in ["kill", "stop"] + ["fail"] * POINTS[point]:
                for let_by in sorted({0, n - 1}) if n else ():
                    yield step, point, action, let_by


def matrix(world, seed, chosen):
    """Goes through those entries; returns how many there were, and how many faults struck."""
    done = 0
    for step, point, action, let_by in chosen:
        rng = random.Random(f"{seed} {step} {point} {action} {let_by}")
        if not prepare(world, step, rng):
            return done
        world.begin_round()
        world.faults.arm(point, action, let_by)
        STEPS[step](world, world.client, rng)
        done += 1
        if not world.settle():
            print(f"matrix entry {step}/{point}/{action}/{let_by}", file=sys.stderr)
            return done
    return done


# the walk

def one_client(world, rng, n):
    client = world.new_client()
    acts = [world.submit] * 10 + [world.kill_job] * 2 + [world.create] * 3 + [world.delete, world.replace] \
        + [world.upload] * 2 + [world.unload] + [world.read] * 3
    for _ in range(n):
        rng.choice(acts)(client, rng)
    client.close()


def injector(world, rng, plan, stop):
    for point, action, let_by, pause in plan:
        if action is None:
            world.kill(point, rng)
        else:
            world.faults.arm(point, action, let_by, rng.choice([20, 200]))
        if stop.wait(pause):
            return


def walk_round(world, seed, number, clients=4, steps=12):
    """One round of the walk with that seed, any text; returns whether all holds."""
    rng = random.Random(f"{seed} {number}")
    for name in CONTEXTS[:3]:
        if name not in world.running:
            world.create(world.client, rng, name)
    world.begin_round()
    stop = threading.Event()
    threads = [threading.Thread(target=one_client, args=(world, random.Random(rng.random()), steps)) for _ in range(clients)]
    faults = threading.Thread(target=injector, args=(world, random.Random(rng.random()), plan_faults(rng, 40), stop))
    for thread in [*threads, faults]:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    faults.join()
    return world.settle()


def report(world, seed, what):
    """What is needed to understand a violation."""
    print(f"seed {seed}, {what}: {len(world.violations)} violations", file=sys.stderr)
    for violation in world.violations[:20]:
        print("  " + violation, file=sys.stderr)
    print(f"  struck: {world.struck}", file=sys.stderr)
    for line in world.log:
        print(f"  {line}", file=sys.stderr)


def in_parts(n, arguments):
    """The same with a share of the work in each of n servers at once, since they wait for most of the time."""
    parts = [subprocess.Popen([sys.executable, __file__, *arguments, "--part", f"{i + 1}/{n}"], stdout=subprocess.PIPE, text=True)
             for i in range(n)]
    total = collections.Counter()
    for i, part in enumerate(parts):
        *lines, last = part.communicate()[0].splitlines()
        print("".join(f"part {i + 1}: {line}\n" for line in [*lines, last]), end="", flush=True)
        total.update({name: n for name, n in json.loads(last).items() if name not in ("seed", "part")})
    total["seconds"] //= n
    print(json.dumps(total))
    return 1 if total["violations"] else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--faults", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--round", type=int)
    parser.add_argument("--entry")
    parser.add_argument("--spark", action="store_true", help="walk with real drivers")
    parser.add_argument("--walk", action="store_true", help="without the matrix")
    parser.add_argument("--parts", type=int, default=1, help="so many servers at once")
    parser.add_argument("--part", default="1/1")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))           # so that nothing is left behind
    if args.parts > 1:
        sys.exit(in_parts(args.parts, [f"--seed={args.seed}", f"--faults={args.faults // args.parts}"] + ["--walk"] * args.walk))
    part, parts = map(int, args.part.split("/"))
    seed = f"{args.seed} {args.part}"
    began, kinds = time.monotonic(), collections.Counter()
    with World(args.spark) as world:
        what = "the beginning"
        if not args.walk and not args.spark and args.round is None:
            chosen = [e for i, e in enumerate(entries(world, args.seed)) if i % parts == part - 1
                      and (not args.entry or args.entry in "/".join(map(str, e)))]
            what = f"the matrix of {len(chosen)} entries"
            done = matrix(world, args.seed, chosen)
            print(f"matrix: {done} of {len(chosen)} entries, {world.injected} faults struck,"
                  f" {time.monotonic() - began:.0f} s", flush=True)
        number = args.round or 0
        while not world.violations and not args.entry and (args.round == number or args.round is None and world.injected < args.faults):
            what = f"round {number}"
            walk_round(world, seed, number)
            kinds.update(f"{point} {action}" for point, action in world.struck)
            number += 1
            if number % 20 == 0:
                print(f"walk: round {number}, {world.injected} faults struck, {len(world.jobs)} jobs acknowledged,"
                      f" {time.monotonic() - began:.0f} s", flush=True)
                world.restart()
        if not world.violations:
            what = "the end"
            world.begin_round()
            world.restart()
        if world.violations:
            report(world, f"{args.seed}, part {args.part}", what)
            if os.environ.get("SPARKJOB_KEEP"):
                os.system(f"cp -r {world.server.dir} {world.server.dir}.kept; echo kept {world.server.dir}.kept")
    for problem in world.problems:
        print("at the end: " + problem, file=sys.stderr)
    print(json.dumps({"seed": args.seed, "part": args.part, "faults": world.injected, "kinds": len(kinds), "jobs": len(world.jobs),
                      "rounds": number, "violations": len(world.violations), "seconds": round(time.monotonic() - began)}))
    sys.exit(1 if world.violations else 0)


if __name__ == "__main__":
    main()
