#!/usr/bin/env python3
"""The official library of the Agent Client Protocol (TypeScript) with `paired acp`: what it asks, shows and checks, and
every message judged by the schema that ships with it.

    acp.py PAIRED"""
import os
import sys

import common

sys.path.insert(0, os.path.join(common.HERE, "..", "e2e"))
import agents_repo  # noqa: E402


def main():
    tally = common.Tally()
    with common.Home(os.path.abspath(sys.argv[1])) as home:
        repository = agents_repo.Repository(os.path.join(home.dir, "shop"))
        repository.fill()
        repository.change()
        code, output, seconds = home.run([common.NODE, os.path.join(common.HERE, "acp.mjs"), home.paired, repository.root],
                                         300, env={"PAIRED_TEST_MODULES": common.MODULES})
        rows = 0
        for line in output.splitlines():
            good = line.startswith("ok    ")
            if good or line.startswith("FAIL  "):
                rows += 1
                tally.check(good, line[6:])
            elif line:
                tally.note(line)
        tally.check(rows >= 60 and code in (0, 1), "all of it was run", f"{rows} checks, {seconds:.1f} s, exit {code}")
        tally.check(common.wait_for(lambda: not home.others(), 5), "no front end is left behind",
                    "; ".join(home.command(p) for p in home.others()))
        tally.check(home.stop_engine(), "the engine ends on SIGTERM")
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
