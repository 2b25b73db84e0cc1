"""A real Emacs with Eglot, in batch mode: emacs.py PAIRED"""
import os
import sys

from shop import Shop

HERE = os.path.dirname(os.path.abspath(__file__))

with Shop(sys.argv[1]) as shop:
    code = shop.run(["emacs", "-Q", "--batch", "-l", os.path.join(HERE, "emacs.el")])
sys.exit(code)
