"""A real Neovim, headless: neovim.py PAIRED"""
import os
import sys

from shop import Shop

HERE = os.path.dirname(os.path.abspath(__file__))

with Shop(sys.argv[1]) as shop:
    code = shop.run(["nvim", "--headless", "-u", "NONE", "-i", "NONE", "-n", "-c",
                     "luafile " + os.path.join(HERE, "neovim.lua")])
sys.exit(code)
