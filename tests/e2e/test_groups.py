"""Groups in the built program: who knows the secret is a member, who does not learns nothing of it."""
from process_lib import World, main
from test_cli import FAILED, data, run
from test_pair import pair, wait_until


class Three:
    def __enter__(self):
        self.worlds = [World() for _ in range(3)]
        for w in self.worlds:
            w.__enter__()
            run(w, "federation", "on", timeout=60)
        for host, guest in ((0, 1), (0, 2), (1, 2)):
            pair(self.worlds[host], self.worlds[guest])
        return self.worlds

    def __exit__(self, *exc):
        for w in self.worlds:
            w.__exit__(*exc)


def here(w):
    return {g["name"]: g["here"] for g in data(w, "groups")["groups"]}


def test_members_find_each_other_and_nobody_else():
    with Three() as (ada, grace, eve):
        assert here(ada) == {}
        secret = data(ada, "groups", "new", "compilers")["secret"]
        assert len(secret) == 64
        data(eve, "groups", "new", "compilers")  # the same name, another secret
        run(grace, "groups", "join", "compilers", input=secret.encode() + b"\n")
        wait_until(lambda: here(ada) == {"compilers": 1} and here(grace) == {"compilers": 1}, "members meet")
        assert here(eve) == {"compilers": 0}
        assert data(ada, "status")["federation"] == {"state": "running", "connected": 2}
        assert "2 connected" in run(ada, "status")[0]
        # It lasts over a restart of one of them.
        run(grace, "stop")
        wait_until(lambda: here(ada) == {"compilers": 0}, "one is gone")
        wait_until(lambda: here(grace) == {"compilers": 1} and here(ada) == {"compilers": 1}, "and back")
        run(grace, "groups", "leave", "compilers")
        wait_until(lambda: here(ada) == {"compilers": 0}, "one has left")
        assert here(grace) == {}


def test_what_is_refused():
    with World() as w:
        assert "federation on" in run(w, "groups", code=FAILED)[1]
        run(w, "federation", "on")
        data(w, "groups", "new", "one")
        assert "already" in run(w, "groups", "new", "one", code=FAILED)[1]
        assert "no group" in run(w, "groups", "leave", "two", code=FAILED)[1]
        for name in ("two words", "", "x" * 65, "a\tb"):
            run(w, "groups", "new", name, code=FAILED)
        for secret in (b"", b"ab", b"g" * 64, b"ab" * 33):
            run(w, "groups", "join", "two", code=FAILED, input=secret + b"\n")
        for i in range(31):
            data(w, "groups", "new", "more%d" % i)
        assert "at most 32" in run(w, "groups", "new", "one-too-many", code=FAILED)[1]
        assert len(data(w, "groups")["groups"]) == 32


if __name__ == "__main__":
    main(globals())
