"""A real Neovim, headless: neovim.py PAIRED. First attached by hand, then as `paired setup neovim` leaves it."""
import os
import sys

from shop import Shop

HERE = os.path.dirname(os.path.abspath(__file__))

with Shop(sys.argv[1]) as shop:
    code = shop.run(["nvim", "--headless", "-u", "NONE", "-i", "NONE", "-n", "-c",
                     "luafile " + os.path.join(HERE, "neovim.lua")])
with Shop(sys.argv[1]) as shop:
    shop.env["STRAY"] = os.path.join(shop.dir, "stray.py")
    for name in (shop.env["STRAY"], os.path.join(shop.root, "second.py")):
        with open(name, "w", encoding="ascii") as f:
            f.write("x = 1\n")
    code = shop.run([shop.paired, "setup", "neovim", "--yes", "--quiet"]) or code
    code = shop.run(["nvim", "--headless", "-i", "NONE", "-n", "-c",
                     "luafile " + os.path.join(HERE, "neovim_setup.lua")]) or code
sys.exit(code)
