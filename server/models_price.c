// What requests cost, by the list of prices: the one that is built in, and over it the user's own
// in the same form, models.json beside config.json.
#include "core/base/io.h"
#include "server/models_impl.h"

#include "core/base/dirs.h"
#include "core/base/log.h"
#include "core/route/route_price.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// 1: there is one.
static int read_own(const struct dirs *dirs, struct buf *out, struct err *err) {
    char path[DIRS_PATH_BYTES_MAX + 16];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/models.json", dirs->config);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_errno(err, errno, "cannot be read");
    int r = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? io_read_all(fd, out) : -EINVAL;
    (void)close(fd);
    if (r == -EINVAL)
        return err_set(err, ERR_INVAL, "is no file");
    if (r == -EFBIG)
        return err_set(err, ERR_LIMIT, "has more than %d bytes", ROUTE_CATALOGUE_BYTES_MAX);
    return r < 0 ? err_errno(err, -r, "cannot be read") : 1;
}

// 1: there is one, and it is good.
static int own_prices(const struct dirs *dirs, struct route_catalogue **ret, struct err *err) {
    AUTO_BUF own = BUF_INIT(ROUTE_CATALOGUE_BYTES_MAX);
    int r = read_own(dirs, &own, err);
    if (r == 1)
        r = route_catalogue_new(own.data ? own.data : "", own.len, ret, err);
    return r < 0 ? r : own.len > 0;
}

int model_prices_check(const struct dirs *dirs, struct err *err) {
    struct route_catalogue *own = NULL;
    int r = own_prices(dirs, &own, err);
    route_catalogue_free(own);
    return r < 0 ? r : 0;
}

int model_prices(const struct dirs *dirs, struct route_catalogue **ret, struct err *err) {
    struct err why = {0};
    int r = dirs ? own_prices(dirs, ret, &why) : 0;
    if (r == ERR_NOMEM)
        return err_set(err, r, "out of memory");
    if (r < 0) // a mistake in it must not stop everything
        log_line(LOG_WARN, "models", "own prices are not used, models.json code=%s: %s",
                 err_name(r), why.message);
    return r == 1 ? 0 : route_catalogue_new(NULL, 0, ret, err);
}

// --- of a request

int64_t model_cost_of(const struct route_model *model, const struct wire_usage *u) {
    const struct route_usage billed = {
        .uncached = u->input, .cached = u->cached, .written = u->cache_write, .output = u->output};
    double cost =
        route_cost_usd(model, &billed) * 1e6; // also of prompts that are dearer for length
    return cost > 0 && cost < 1e12 ? (int64_t)llround(cost) : 0;
}

// A server on this machine costs nothing, unless the user says after whom it is priced.
const struct route_model *model_priced(const struct route_catalogue *c, bool local,
                                       const char *name, const char *as, struct route_model *own) {
    const struct route_model *listed = route_catalogue_find(c, *as ? as : name);
    if (listed && (!local || *as))
        return listed;
    route_catalogue_unlisted(c, *as ? as : name, local, own);
    if (listed) {
        struct route_prices free_of_charge = own->prices;
        *own = *listed;
        own->prices = own->long_prices = free_of_charge;
    }
    return own;
}

int64_t model_cost_named(const struct route_catalogue *c, const struct backend *b, const char *name,
                         bool local, const struct wire_usage *u) {
    const char *as = "";
    struct route_model own;
    for (size_t i = 0; i < b->model_count; i++)
        if (strcmp(b->models[i].name, name) == 0)
            as = b->models[i].price;
    return model_cost_of(model_priced(c, local, name, as, &own), u);
}

int64_t model_saved(const struct route_model *asked, const struct wire_usage *u, int64_t billed) {
    return asked && u->known ? model_cost_of(asked, u) - billed : 0;
}

const struct route_model *model_listed(struct models *m, const char *name) {
    if (strcmp(m->listed_name, name) != 0) {
        m->listed = route_catalogue_find(m->catalogue, name);
        (void)snprintf(m->listed_name, sizeof m->listed_name, "%s", name);
    }
    return m->listed;
}
