#include "core/store/recall_synonyms.h"

#include "core/base/mem.h"
#include "core/store/recall_stem.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Words of a group are separated by blanks.
static const char *const groups[] = {
    // people
    "child kid son daughter",
    "mother mom mum mama",
    "father dad papa",
    "parent mother father mom dad",
    "wife husband spouse partner",
    "boyfriend girlfriend partner",
    "relationship dating married single breakup partner",
    "marriage married wedding",
    "friend buddy pal",
    "brother sister sibling",
    "grandmother grandma granny",
    "grandfather grandpa",
    "relative family",
    "boss manager supervisor",
    "colleague coworker teammate",
    "customer client",
    "doctor physician",
    "teacher instructor tutor",
    "person guy folk",
    "pet dog cat puppy kitten",
    "dog puppy",
    "cat kitten",
    "baby infant newborn",
    // doing
    "begin start commence",
    "finish complete end",
    "stop quit cease",
    "continue proceed resume",
    "buy purchase shop",
    "sell sale",
    "make create build craft",
    "fix repair mend",
    "use utilize employ",
    "need require",
    "want wish desire hope",
    "like enjoy love prefer",
    "hate dislike",
    "try attempt",
    "help assist aid support",
    "show display exhibit",
    "tell say mention",
    "talk speak chat discuss conversation",
    "ask inquire request",
    "answer reply respond",
    "think believe consider opinion",
    "decide choose pick select decision choice",
    "get receive obtain",
    "give donate gift",
    "donate donation charity",
    "find discover",
    "see watch view",
    "look appear seem",
    "visit trip travel",
    "travel trip journey vacation",
    "vacation holiday getaway",
    "move relocate",
    "live reside home",
    "attend participate join",
    "participate join partake involve",
    "plan intend goal",
    "win award prize",
    "lose loss",
    "meet encounter",
    "teach educate train",
    "learn study",
    "study research",
    "read book",
    "write author",
    "paint painting",
    "draw drawing sketch",
    "cook bake recipe",
    "eat food meal",
    "drink beverage",
    "exercise workout gym fitness",
    "run jog",
    "hike trail",
    "swim pool",
    "play game",
    "sing song",
    "dance dancer",
    "volunteer charity",
    "celebrate party celebration",
    "remember recall remind reminder",
    "forget forgot",
    "improve enhance better",
    "change switch alter",
    "increase grow raise",
    "decrease reduce drop",
    "inspire motivate inspiration motivation",
    "encourage support motivate",
    "share post",
    "work job",
    "hire recruit",
    "fire layoff",
    "lose fired",
    "apply application",
    "own have possess",
    "realize notice",
    "worry concern anxious",
    "promote advertise marketing promotion",
    "open launch",
    "damage break destroy",
    "injure injury hurt",
    "adopt adoption",
    "protect defend",
    "cause reason",
    "spend spent",
    // feeling
    "happy glad joy pleased",
    "sad unhappy upset down",
    "angry mad furious",
    "afraid scared fear nervous",
    "excited thrilled eager",
    "proud pride",
    "stress pressure overwhelmed",
    "destress relax unwind",
    "relax calm peaceful chill",
    "feel feeling emotion",
    "surprise shock",
    "funny hilarious",
    "tired exhausted",
    "grateful thankful appreciate",
    "lonely alone",
    "tough hard difficult",
    "challenge obstacle difficulty struggle setback",
    // things
    "job career profession occupation",
    "company business firm startup",
    "shop store boutique",
    "money cash fund finance",
    "price cost expensive",
    "house home apartment",
    "car vehicle",
    "bike bicycle",
    "picture photo image pic photograph",
    "movie film",
    "music song band",
    "art artwork painting",
    "cloth clothing outfit wear",
    "food meal dish cuisine",
    "sport basketball soccer football tennis",
    "hobby activity pastime interest",
    "activity hobby class",
    "event activity gathering",
    "school college university",
    "education degree study school",
    "field subject major",
    "class course lesson workshop",
    "exam test",
    "illness disease sick",
    "health healthy medical",
    "therapy counseling therapist counselor",
    "country nation",
    "town city",
    "street road",
    "beach ocean sea coast",
    "forest wood",
    "mountain hill",
    "garden plant flower",
    "nature outdoors",
    "camp camping",
    "religion faith church",
    "religious faith church",
    "politics political government",
    "military army veteran",
    "nickname name",
    "age old",
    "birthday born",
    "gift present",
    "item thing object",
    "symbol symbolize represent meaning mean",
    "advice tip suggestion",
    "idea concept",
    "story tale",
    "speech talk presentation",
    "goal aim objective target",
    "dream ambition",
    "result outcome",
    "problem issue trouble",
    "accident crash",
    "group team club",
    "community neighborhood",
    "competition contest tournament",
    "performance show concert",
    "instrument guitar piano violin drum",
    "photo camera",
    "ancestry roots heritage origin",
    "identity gender",
    "trait personality character quality",
    "status state",
    "type sort",
    "kind type",
    "area region",
    "shelter homeless",
    "recent lately",
    "recently lately",
    "frequently often",
    "favorite favourite best",
    "important significant matter",
    "beautiful gorgeous stunning pretty",
    "great awesome amazing",
    "big large huge",
    "small little tiny",
    "fast quick speed",
    "new recent",
    "old ancient vintage",
    // software
    "bug defect error issue",
    "error failure fail exception",
    "crash segfault panic abort",
    "fix patch repair",
    "test spec unittest",
    "function method routine",
    "variable var",
    "parameter argument arg param",
    "repository repo",
    "directory folder dir",
    "file document",
    "config configuration setting option preference",
    "database db sqlite postgres mysql",
    "delete remove erase drop",
    "add insert append",
    "update upgrade",
    "create make new",
    "build compile",
    "deploy release ship rollout",
    "rollback revert undo",
    "authentication auth login signin",
    "authorization permission access",
    "password passphrase credential secret",
    "encrypt encryption cipher crypto",
    "api endpoint interface",
    "request call",
    "performance speed latency slow fast",
    "slow latency",
    "memory ram leak",
    "cache caching memoize",
    "thread concurrency parallel",
    "lock mutex deadlock",
    "documentation doc docs readme",
    "dependency library package",
    "merge rebase",
    "branch fork",
    "commit changeset",
    "review feedback",
    "log logging trace",
    "ui interface frontend",
    "server backend",
    "timeout deadline",
    "retry backoff",
    "queue buffer",
    "parse parser",
    "serialize serialization encode",
    "decide decision agreed chose",
    "convention style guideline",
    "version release",
    "environment env",
    "administrator admin",
    "application app",
    "kubernetes k8s",
    "javascript js",
    "typescript ts",
    "python py",
    "continuous ci pipeline",
    "migrate migration",
};

enum { ENTRIES_MAX = 1024, WORD_MAX = 24 };

struct entry {
    char term[WORD_MAX];
    uint8_t len;
    uint16_t group;
};
static struct entry entries[ENTRIES_MAX]; // sorted by term
static uint16_t members[ENTRIES_MAX];     // indexes into entries, sorted by group
static uint16_t group_first[COUNT_OF(groups) + 1];
static size_t entry_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int entry_compare(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    int by_term = strcmp(x->term, y->term);
    return by_term ? by_term : (x->group > y->group) - (x->group < y->group);
}

static void prepare(void) {
    for (size_t g = 0; g < COUNT_OF(groups); g++) {
        for (const char *s = groups[g]; *s;) {
            size_t n = strcspn(s, " ");
            struct entry *e = &entries[entry_count];
            if (n + 3 < WORD_MAX && entry_count < ENTRIES_MAX) {
                memcpy(e->term, s, n);
                e->len = (uint8_t)recall_stem(e->term, n);
                e->term[e->len] = '\0';
                e->group = (uint16_t)g;
                entry_count++;
            }
            s += n + (s[n] == ' ');
        }
    }
    qsort(entries, entry_count, sizeof entries[0], entry_compare);
    for (size_t i = 0; i < entry_count; i++)
        group_first[entries[i].group + 1]++;
    for (size_t g = 0; g < COUNT_OF(groups); g++)
        group_first[g + 1] = (uint16_t)(group_first[g + 1] + group_first[g]);
    uint16_t used[COUNT_OF(groups)] = {0};
    for (size_t i = 0; i < entry_count; i++) {
        size_t g = entries[i].group;
        members[group_first[g] + used[g]++] = (uint16_t)i;
    }
}

void synonyms_each(const char *term, size_t n, synonym_fn *fn, void *ctx) {
    (void)pthread_once(&once, prepare);
    struct entry key = {0};
    if (n >= WORD_MAX)
        return;
    memcpy(key.term, term, n);
    size_t low = 0, high = entry_count;
    while (low < high) { // the first entry of the term
        size_t mid = (low + high) / 2;
        if (entry_compare(&entries[mid], &key) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < entry_count && strcmp(entries[low].term, key.term) == 0; low++) {
        size_t g = entries[low].group;
        for (size_t k = group_first[g]; k < group_first[g + 1]; k++)
            if (members[k] != low)
                fn(ctx, entries[members[k]].term, entries[members[k]].len);
    }
}
