// One line = one event: "2026-11-20T13:00:00.123Z level module[pid] message key=value". To a file
// (0600, rotated, 5 x 2 MB) or stderr, never stdout. No source text, no secrets, no note text, no
// path of the user's: log ids, sizes, codes. Any thread; a full or failing disk loses log lines
// silently, nothing else.
#pragma once

#include "core/base/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum { LOG_FILE_BYTES_MAX = 2 * 1024 * 1024, LOG_FILES_MAX = 5, LOG_LINE_BYTES_MAX = 2048 };

int log_open(const char *path, enum log_level level, struct err *err); // NULL path: stderr
void log_close(void);
void log_set_level(enum log_level level);
int log_level_parse(const char *name,
                    enum log_level *ret); // "error" "warn" "info" "debug"; ERR_INVAL
int log_reopen(void);                     // after SIGHUP
// Control characters in the text are escaped, so a peer cannot forge lines.
void log_line(enum log_level level, const char *module, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
