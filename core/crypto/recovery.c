#include "core/crypto/recovery.h"

#include "core/base/err.h"
#include "core/crypto/secret.h"

#include <stdio.h>
#include <string.h>

enum { WORDS = 256, WORD_PREFIX = 4, CODE_WORDS = RECOVERY_SECRET_BYTES + 1 };

// Of our own choosing: everyday things, told apart by their first four letters, sorted.
static const char *const words[WORDS] = {
    "acorn",    "almond",   "amber",   "anchor",   "angle",   "apple",   "apron",    "arrow",
    "aspen",    "attic",    "autumn",  "avocado",  "badge",   "bagel",   "bamboo",   "banjo",
    "barrel",   "beach",    "bench",   "berry",    "birch",   "blanket", "blossom",  "bobbin",
    "bonnet",   "border",   "bottle",  "branch",   "bread",   "bridge",  "brook",    "brush",
    "bucket",   "buffalo",  "button",  "cabin",    "cactus",  "camel",   "candle",   "canyon",
    "caravan",  "carpet",   "castle",  "cedar",    "cello",   "chalk",   "cherry",   "chimney",
    "cinnamon", "circle",   "citrus",  "clarinet", "clover",  "cobalt",  "coffee",   "comet",
    "copper",   "coral",    "cotton",  "cradle",   "crayon",  "cricket", "crystal",  "cushion",
    "cypress",  "daisy",    "dolphin", "donkey",   "dragon",  "drawer",  "eagle",    "earth",
    "easel",    "elephant", "ember",   "engine",   "fabric",  "falcon",  "feather",  "fennel",
    "fern",     "ferry",    "fiddle",  "finch",    "flute",   "forest",  "fossil",   "fountain",
    "freckle",  "frost",    "funnel",  "galaxy",   "garden",  "garlic",  "gazelle",  "ginger",
    "giraffe",  "glacier",  "glove",   "goblet",   "granite", "grape",   "guitar",   "gull",
    "hammer",   "harbor",   "hazel",   "hedge",    "helmet",  "heron",   "hickory",  "honey",
    "horizon",  "hornet",   "iceberg", "iguana",   "indigo",  "island",  "ivory",    "jacket",
    "jaguar",   "jasmine",  "jelly",   "jigsaw",   "jungle",  "juniper", "kayak",    "kernel",
    "kettle",   "kitchen",  "kiwi",    "koala",    "ladder",  "lagoon",  "lantern",  "laurel",
    "lavender", "lemon",    "leopard", "lichen",   "lilac",   "linen",   "lizard",   "lobster",
    "locket",   "lotus",    "magnet",  "mango",    "maple",   "marble",  "meadow",   "melon",
    "meteor",   "mint",     "mirror",  "mitten",   "monkey",  "mosaic",  "muffin",   "mustard",
    "napkin",   "nectar",   "needle",  "nest",     "nickel",  "noodle",  "nutmeg",   "oasis",
    "ocean",    "octopus",  "olive",   "onion",    "orange",  "orchid",  "otter",    "oyster",
    "paddle",   "panda",    "papaya",  "parrot",   "pebble",  "pelican", "pencil",   "pepper",
    "piano",    "pigeon",   "pillow",  "planet",   "pocket",  "poplar",  "pretzel",  "puffin",
    "pumpkin",  "puzzle",   "pyramid", "quail",    "quartz",  "quilt",   "rabbit",   "radish",
    "raft",     "raven",    "ribbon",  "river",    "robin",   "rocket",  "rudder",   "saddle",
    "saffron",  "salmon",   "sandal",  "saturn",   "saucer",  "scarf",   "shadow",   "shell",
    "silver",   "sketch",   "sled",    "snail",    "sparrow", "spiral",  "spruce",   "squash",
    "stable",   "sugar",    "sunset",  "tablet",   "teapot",  "thistle", "tiger",    "timber",
    "tomato",   "tractor",  "trumpet", "tulip",    "tunnel",  "turtle",  "umbrella", "valley",
    "vanilla",  "velvet",   "violin",  "volcano",  "waffle",  "walnut",  "walrus",   "whale",
    "willow",   "window",   "winter",  "wolf",     "yarn",    "yogurt",  "zebra",    "zipper",
};

// Finds a mistyped word with 255/256; what remains fails at the commitment.
static uint8_t check_byte(enum recovery_kind kind, const uint8_t secret[RECOVERY_SECRET_BYTES]) {
    const char *label = kind == RECOVERY_STORE ? "paired/recovery/v1" : "paired/identity-words/v1";
    uint8_t hash[32];
    secret_hash(NULL, label, strlen(label), secret, RECOVERY_SECRET_BYTES, hash);
    uint8_t check = hash[0];
    secret_wipe(hash, sizeof hash);
    return check;
}

int recovery_format(enum recovery_kind kind, const uint8_t secret[RECOVERY_SECRET_BYTES], char *ret,
                    size_t max) {
    size_t at = 0;
    for (size_t i = 0; i < CODE_WORDS; i++) {
        uint8_t byte = i < RECOVERY_SECRET_BYTES ? secret[i] : check_byte(kind, secret);
        int n = snprintf(ret + at, max - at, "%s%s", i ? " " : "", words[byte]);
        if (n < 0 || (size_t)n >= max - at) {
            secret_wipe(ret, max);
            return ERR_LIMIT;
        }
        at += (size_t)n;
    }
    return 0;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_letter(char c) {
    return lower(c) >= 'a' && lower(c) <= 'z';
}

static bool is_gap(char c) {
    return c == ' ' || c == '-' || c == '\t' || c == '\n' || c == '\r' || c == ',';
}

// The number of the word at s[0..n): its first four letters decide, the rest must be the word's.
static int word_number(const char *s, size_t n) {
    char typed[16];
    if (n < WORD_PREFIX || n >= sizeof typed)
        return -1;
    for (size_t i = 0; i < n; i++)
        typed[i] = lower(s[i]);
    typed[n] = '\0';
    int found = -1;
    for (int i = 0; i < WORDS && found < 0; i++)
        if (strncmp(words[i], typed, n) == 0)
            found = i;
    secret_wipe(typed, sizeof typed);
    return found;
}

bool recovery_parse(enum recovery_kind kind, const char *text, size_t n,
                    uint8_t ret[RECOVERY_SECRET_BYTES]) {
    uint8_t bytes[CODE_WORDS];
    size_t count = 0, at = 0;
    bool good = true;
    while (good) {
        while (at < n && is_gap(text[at]))
            at++;
        if (at == n)
            break;
        size_t start = at;
        while (at < n && is_letter(text[at]))
            at++;
        int number = at < n && !is_gap(text[at]) ? -1 : word_number(text + start, at - start);
        if (number < 0 || count == CODE_WORDS)
            good = false;
        else
            bytes[count++] = (uint8_t)number;
    }
    good = good && count == CODE_WORDS && bytes[CODE_WORDS - 1] == check_byte(kind, bytes);
    if (good)
        memcpy(ret, bytes, RECOVERY_SECRET_BYTES);
    secret_wipe(bytes, sizeof bytes);
    return good;
}
