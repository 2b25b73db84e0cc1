#include "core/workspace/cache.h"

#include "core/base/mem.h"

struct arena { // memory that several units point into
    atomic_uint refs;
};
struct arena *arena_ref(struct arena *a) {
    (void)atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
    return a;
}
void arena_put(struct arena *a) {
    if (a && atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) == 1)
        mem_free(a);
}
