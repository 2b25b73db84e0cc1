#include "tests/unit/workspace/search_support.h"

#include "core/code/facts.h"

static const struct {
    const char *path, *text;
} files[] = {
    {"shop/cart.py", "import shop.tax\n\n\n"
                     "class Cart:\n"
                     "    \"\"\"What a customer wants to buy.\"\"\"\n\n"
                     "    def __init__(self):\n"
                     "        self.items = []\n\n"
                     "    def add_item(self, item, quantity):\n"
                     "        if quantity < 1:\n"
                     "            raise ValueError('quantity must be positive')\n"
                     "        self.items.append((item, quantity))\n\n"
                     "    def total_price(self):\n"
                     "        net = sum(i.price * q for i, q in self.items)\n"
                     "        return shop.tax.with_tax(net)\n"},
    {"shop/tax.py", "RATE = 0.19\n\n\n"
                    "def with_tax(net):\n"
                    "    \"\"\"Value added tax on top of a net amount.\"\"\"\n"
                    "    return round_cents(net * (1 + RATE))\n\n\n"
                    "def round_cents(amount):\n"
                    "    # half a cent goes up\n"
                    "    return int(amount * 100 + 0.5) / 100\n"},
    {"shop/invoice.py", "from shop.cart import Cart\n"
                        "from shop.tax import round_cents\n\n\n"
                        "def render_invoice(cart: Cart, currency):\n"
                        "    lines = []\n"
                        "    for item, quantity in cart.items:\n"
                        "        lines.append('%s x %d' % (item.name, quantity))\n"
                        "    lines.append(format_money(cart.total_price(), currency))\n"
                        "    return '\\n'.join(lines)\n\n\n"
                        "def format_money(amount, currency):\n"
                        "    return '%.2f %s' % (round_cents(amount), currency)\n"},
    {"shop/mail.py", "def send_mail(address, subject, body):\n"
                     "    server = connect_smtp()\n"
                     "    server.send(address, subject, body)\n\n\n"
                     "def connect_smtp():\n"
                     "    raise ConnectionError('no route to the mail server')\n"},
    {"native/checksum.c", "#include <stdint.h>\n\n"
                          "/* Adler's sum of a receipt. */\n"
                          "uint32_t receipt_checksum(const unsigned char *p, unsigned n) {\n"
                          "    uint32_t a = 1, b = 0;\n"
                          "    for (unsigned i = 0; i < n; i++) {\n"
                          "        a = (a + p[i]) % 65521;\n"
                          "        b = (b + a) % 65521;\n"
                          "    }\n"
                          "    return b << 16 | a;\n"
                          "}\n"},
    {"tests/test_cart.py", "from shop.cart import Cart\n\n\n"
                           "def test_add_item_refuses_quantity_zero():\n"
                           "    cart = Cart()\n"
                           "    try:\n"
                           "        cart.add_item('apple', 0)\n"
                           "    except ValueError:\n"
                           "        return\n"
                           "    assert False\n"},
    {"vendor/money/money.py", "def format_money(amount, currency):\n"
                              "    return currency + str(amount)\n"},
    {"README.md", "# Shop\n\nA cart, an invoice and the tax on it.\n"},
};

void shop_index(struct shop *s, const struct search_history *history) {
    const struct index_config c = {.root = s->tree.dir, .threads = 1};
    const struct index_want want = {.tier = TIER_TREE};
    struct err err = {0};
    assert_int_equal(index_open(&c, &s->index, &err), 0);
    assert_int_equal(index_get(s->index, &want, &s->snapshot, &err), 0);
    const struct search_config sc = {.snapshot = s->snapshot, .history = history};
    assert_int_equal(search_new(&sc, &s->search, &err), 0);
}

void shop_open(struct shop *s, const struct search_history *history) {
    *s = (struct shop){0};
    tree_init(&s->tree);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        tree_write(&s->tree, files[i].path, files[i].text);
    shop_index(s, history);
}

void shop_empty(struct shop *s) {
    *s = (struct shop){0};
    tree_init(&s->tree);
    shop_index(s, NULL);
}

void shop_close(struct shop *s) {
    search_free(s->search);
    snapshot_put(s->snapshot);
    index_close(s->index);
    tree_done(&s->tree);
}

const char *shop_path(const struct shop *s, uint32_t file) {
    return snapshot_file(s->snapshot, file)->path;
}

const char *shop_name(const struct shop *s, struct place at) {
    const struct facts *f = snapshot_file(s->snapshot, at.file)->facts;
    return facts_text(f, facts_symbol(f, at.symbol)->name);
}

struct place shop_find(const struct shop *s, const char *name) {
    struct place at = {0};
    assert_int_equal(snapshot_definitions(s->snapshot, name, strlen(name), &at, 1), 1);
    return at;
}
