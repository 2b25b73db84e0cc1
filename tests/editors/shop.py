"""A small repository to open in editors, in a home of its own."""
import os
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TEXT = os.path.join(HERE, "shop.txt")  # what the tests of each editor open, as shop.py


class Shop:
    def __init__(self, paired):
        self.paired = os.path.abspath(paired)
        self.dir = tempfile.mkdtemp(prefix="paired-shop-")
        self.root = os.path.join(self.dir, "shop")
        self.file = os.path.join(self.root, "shop.py")
        os.mkdir(self.root)
        os.mkdir(os.path.join(self.dir, "profile"), 0o700)
        shutil.copyfile(TEXT, self.file)
        keep = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "TERM", "ASAN_OPTIONS", "UBSAN_OPTIONS")}
        self.env = {**keep, "HOME": self.dir, "PAIRED_PROFILE": os.path.join(self.dir, "profile"), "PAIRED": self.paired,
                    "FILE": self.file, "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
                    "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org"}
        for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "Shop"]):
            subprocess.run(["git", *words], cwd=self.root, env=self.env, check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run([self.paired, "stop"], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)

    def run(self, argv, timeout=90):
        return subprocess.run(argv, cwd=self.root, env=self.env, timeout=timeout, stdin=subprocess.DEVNULL).returncode
