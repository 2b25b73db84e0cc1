"""The audit log as others can check it: proofs of an entry without the store, with federation off."""
import base64
import hashlib
import json
import os

from process_lib import World, main
from test_cli import DEGRADED, FAILED, USAGE, data, run


def leaf_hash(leaf):
    return hashlib.sha256(b"\0" + leaf).digest()


def root_of(path, leaf, index, size):
    """RFC 9162 2.1.3.2, as somebody else would write it."""
    node, last = leaf_hash(leaf), size - 1
    for p in path:
        if index & 1 or index == last:
            node = hashlib.sha256(b"\1" + p + node).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\1" + node + p).digest()
        index, last = index >> 1, last >> 1
    assert last == 0
    return node


def log_of(w, n):
    for i in range(n):
        run(w, "consent", "grant", "pattern", "group:g%d" % i, "--yes")


def proof_file(w, seq):
    path = os.path.join(w.dir, "proof-%d.json" % seq)
    with open(path, "w", encoding="utf-8") as f:
        f.write(run(w, "audit", "prove", str(seq))[0])
    return path


def test_an_entry_is_proven_to_others():
    with World() as w:
        log_of(w, 11)
        for seq in (1, 7, 8, 11):
            proof = json.loads(run(w, "audit", "prove", str(seq))[0])
            text = proof["checkpoint"].split("\n")
            assert text[0].startswith("paired-audit/") and text[1] == "11" and text[3].startswith("time ")
            path = [bytes.fromhex(p) for p in proof["path"]]
            root = root_of(path, bytes.fromhex(proof["leaf"]), seq - 1, 11)
            assert root == base64.b64decode(text[2]) and root.hex() == data(w, "audit", "verify")["root"]
        path = proof_file(w, 7)
        with World() as other:  # neither the store nor the keys
            found = data(other, "audit", "verify", "--proof", path)
            assert found["ok"] and found["entries"] == 11
            assert found["entry"]["seq"] == 7 and found["entry"]["audience"] == "group:g6"
            assert "device" not in found and found["cosigned"] == []
            out, err = run(other, "audit", "verify", "--proof", path)
            assert "group:g6" in out and "nobody has signed" in err


def test_a_changed_proof_does_not_hold():
    with World() as w:
        log_of(w, 6)
        with open(proof_file(w, 3), encoding="utf-8") as f:
            good = json.load(f)
        other = json.loads(run(w, "audit", "prove", "4")[0])

        def check(**change):
            path = os.path.join(w.dir, "bent.json")
            with open(path, "w", encoding="utf-8") as f:
                json.dump({**good, **change}, f)
            return json.loads(run(w, "audit", "verify", "--proof", path, "--json", code=DEGRADED)[0])["problem"]

        assert "not the one that is named" in check(seq=4)
        assert "not in the log" in check(leaf=other["leaf"], seq=4)
        assert "not in the log" in check(path=other["path"])
        assert "not in the log" in check(path=good["path"][:-1])
        assert "not in the log" in check(path=good["path"] + good["path"][:1])
        assert "not in the log" in check(checkpoint=good["checkpoint"].replace(good["checkpoint"].split("\n")[2], "A" * 43 + "="))
        assert "no checkpoint" in check(checkpoint="x")
        assert "does not verify" in check(device="00" * 32, signature="00" * 64)
        assert "does not verify" in check(cosignatures=[{"key": "00" * 32, "time": 1, "signature": "00" * 64}])
        assert "no proof" in check(format="other")
        assert "version" in check(version=2)
        assert check(leaf="zz") and check(path=[1]) and check(cosignatures=[{}])


def test_what_is_no_entry_or_file_is_refused():
    with World() as w:
        log_of(w, 2)
        run(w, "audit", "prove", "3", code=FAILED)
        run(w, "audit", "prove", "0", code=USAGE)
        run(w, "audit", "prove", "x", code=USAGE)
        run(w, "audit", "verify", "--proof", os.path.join(w.dir, "none"), code=FAILED)
        _, err = run(w, "audit", "cosign", code=FAILED)
        assert "federation" in err
        assert len(run(w, "audit", "export")[0].splitlines()) == 2  # no checkpoint: nobody could sign it
        found = data(w, "audit", "verify")
        assert found["ok"] and found["checkpoints"] == 0 and found["cosigners"] == []


if __name__ == "__main__":
    main(globals())
