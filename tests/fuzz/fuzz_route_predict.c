// Experience of any bytes: refused, or taken and written again as the same bytes. The checksum at
// the end is made right first, or nothing behind it would ever be tried. The bytes serve as a
// prompt too.
#include "core/route/route_predict_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static struct route_features features;
    struct route_predictor *p;
    struct route_look look;
    struct buf again = BUF_INIT(0);
    uint8_t *copy = malloc(n + 1);
    if (!copy || route_predictor_new_blank(&p, NULL) < 0)
        abort();
    memcpy(copy, data, n);
    if (n >= 8) {
        uint64_t sum = route_fnv(copy, n - 8);
        for (size_t i = 0; i < 8; i++)
            copy[n - 8 + i] = (uint8_t)(sum >> (8 * i));
    }
    int r = route_predictor_read(p, copy, n, NULL);
    if (route_predictor_write(p, &again, NULL) < 0)
        abort();
    route_features_read(&features, (const char *)data, n);
    route_predict_look(p, &features, &look);
    float x = route_predict(p, &look, "a", 1);
    if (!(x >= 0 && x <= 1) || (r < 0 && route_outcomes(p, NULL) != 0))
        abort();
    struct buf third = BUF_INIT(0);
    if (r == 0 && (route_predictor_read(p, again.data, again.len, NULL) < 0 ||
                   route_predictor_write(p, &third, NULL) < 0 || third.len != again.len ||
                   memcmp(third.data, again.data, third.len) != 0))
        abort();
    buf_done(&third);
    buf_done(&again);
    route_predictor_free(p);
    free(copy);
    return 0;
}
