"""A real Emacs with Eglot, in batch mode: emacs.py PAIRED. First attached by hand, then as `paired setup emacs` leaves it."""
import os
import sys

from shop import Shop

HERE = os.path.dirname(os.path.abspath(__file__))

with Shop(sys.argv[1]) as shop:
    code = shop.run(["emacs", "-Q", "--batch", "-l", os.path.join(HERE, "emacs.el")])
with Shop(sys.argv[1]) as shop:
    os.mkdir(os.path.join(shop.dir, ".emacs.d"))
    with open(os.path.join(shop.dir, ".emacs.d", "init.el"), "w", encoding="ascii") as f:
        f.write("(defvar mine 'mine)\n")
    code = shop.run([shop.paired, "setup", "emacs", "--yes", "--quiet"]) or code
    code = shop.run(["emacs", "-Q", "--batch", "-l", os.path.join(HERE, "emacs_setup.el")]) or code
sys.exit(code)
