// Pages of code that were read since the last rest are given back: an engine at rest keeps what it
// remembers, not what it once ran. They come again from the page cache when they are needed.
#include "server/engine_parts.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
void engine_give_back_code(void) { // a sanitizer's build is never small
}
#else
static int give_back(struct dl_phdr_info *info, size_t size, void *ctx) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)size;
    (void)ctx;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type != PT_LOAD || (p->p_flags & PF_W))
            continue; // what can be written may differ from the file
        uintptr_t begin = (info->dlpi_addr + p->p_vaddr + page - 1) & ~(page - 1);
        uintptr_t end = (info->dlpi_addr + p->p_vaddr + p->p_filesz) & ~(page - 1);
        if (end > begin)
            (void)madvise((void *)begin, end - begin, MADV_DONTNEED); // NOLINT: an address
    }
    return 0;
}

void engine_give_back_code(void) {
    (void)dl_iterate_phdr(give_back, NULL);
}
#endif
