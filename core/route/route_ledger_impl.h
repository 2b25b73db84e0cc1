// Between the files of core/route/route_ledger*.c only: the ledger's tables.
#pragma once

#include "core/route/route_ledger.h"

struct window {
    char name[ROUTE_WINDOW_NAME_BYTES_MAX];
    enum route_unit unit;
    bool declared;  // by the user: we alone count
    bool rejected;  // the provider refused because of it: after the reset one request probes
    double limit;   // units
    double used;    // units: last reading and our own requests since
    double rate;    // units per ms, all that is used, as of rate_ms, fading
    double other;   // units per ms used by others on the account, likewise
    double per_usd; // share per dollar, learned (ROUTE_UNIT_SHARE)
    double step;    // smallest change ever read: the resolution of the figure
    double own;     // units that we added since the last reading
    double own_usd; // dollars spent since the last reading
    double sum_share, sum_usd; // behind per_usd, fading
    double mean, deviation;    // units of one request, EWMA
    int64_t since_ms, rate_ms; // first and last change of the rates; -1 none
    int64_t reset_ms;          // -1 not known
    int64_t length_ms;         // -1 not known
    int64_t read_ms;           // last reading, or first request of a declared window; -1 none
};

struct account {
    char name[ROUTE_NAME_BYTES_MAX];
    struct window windows[ROUTE_WINDOWS_MAX];
    size_t count;
    bool blocked;       // by an answer that named no window
    bool probing;       // until_ms passed or a rejected window began anew: not yet proven
    int64_t until_ms;   // blocked until then
    int64_t backoff_ms; // of blocks without a named end
    int64_t wait_ms;    // transient: not before then
    int64_t probe_ms;   // since when a probe is under way; 0 none
};

struct breaker_slot {
    char account[ROUTE_NAME_BYTES_MAX], model[ROUTE_NAME_BYTES_MAX];
    struct route_breaker breaker;
};

struct ticket {
    uint64_t id; // 0 when free
    uint16_t account;
    bool probe;
    char model[ROUTE_NAME_BYTES_MAX];
    struct route_spend expected;
    int64_t begun_ms;
};

struct route_ledger {
    struct account accounts[ROUTE_ACCOUNTS_MAX];
    size_t account_count;
    struct breaker_slot breakers[ROUTE_BREAKERS_MAX];
    size_t breaker_count;
    struct ticket tickets[ROUTE_TICKETS_MAX];
    size_t ticket_top; // none is used from there on
    uint64_t last_ticket, changes;
};

// Names are printable bytes without blanks, shorter than ROUTE_NAME_BYTES_MAX.
bool ledger_name_fits(const char *name, size_t max);
struct account *ledger_account(struct route_ledger *l, const char *name, bool make);
struct window *ledger_window(struct account *a, const char *name, bool make);
struct breaker_slot *ledger_breaker(struct route_ledger *l, const char *account, const char *model,
                                    bool make);
enum route_unit ledger_unit_of(const char *window, bool counted);
// Whether a window such as "7d_opus" concerns the model.
bool ledger_window_concerns(const struct window *w, const char *model);
// Units of the window in what was, or will be, spent.
double ledger_units(const struct window *w, const struct route_spend *s);

// A window whose reset has passed begins anew.
void ledger_window_roll(struct account *a, struct window *w, int64_t now_ms);
// Takes a reading in.
void ledger_window_read(struct window *w, const struct route_limit *said, int64_t now_ms);
// Adds what one of our requests used.
void ledger_window_spend(struct window *w, const struct route_spend *used, int64_t now_ms);
// Units used by now, with what others are likely to have used since the last reading.
double ledger_window_now(const struct window *w, int64_t now_ms);
// Units per ms at which it burns.
double ledger_window_rate(const struct window *w, int64_t now_ms);
// Units to keep free for one more request and for what the figure's resolution hides.
double ledger_window_need(const struct window *w, const struct route_spend *expected);
// When the window begins anew, as far as can be told; -1 when it cannot.
int64_t ledger_window_end(const struct window *w);
bool ledger_window_short(const struct window *w, int64_t now_ms);
