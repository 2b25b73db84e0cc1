// What a session's workspace may tighten. Read once, at the session's beginning.
#include "core/base/conf.h"
#include "core/base/dirs.h"
#include "core/base/log.h"
#include "server/mcp_face.h"

#include <stdio.h>
#include <string.h>

enum { PROBLEMS_MAX = 8 };

// The file is the workspace's, which nobody vouches for: conf_load_file() takes regular files of at
// most 1 MiB only, and conf_set() nothing that loosens.
static void tighten(struct conf *conf, const char *workspace) {
    char path[DIRS_PATH_BYTES_MAX + 32];
    struct conf_problem problems[PROBLEMS_MAX];
    size_t count = 0;
    struct err err = {0};
    (void)snprintf(path, sizeof path, "%s/.paired/config.json", workspace);
    if (conf_load_file(conf, path, CONF_WORKSPACE, problems, PROBLEMS_MAX, &count, &err) < 0)
        log_line(LOG_WARN, "mcp", "workspace settings not taken code=%s", err_name(err.code));
    else if (count)
        log_line(LOG_WARN, "mcp", "workspace settings with problems count=%zu", count);
}

bool mcp_read_only(struct session *s) {
    const struct services *services = session_services(s);
    const struct conf *users = services ? services->conf : NULL;
    const char *workspace = session_workspace(s);
    if (!users)
        return false;
    struct conf *conf = conf_clone(users);
    if (!conf) // the user's own word holds in any case
        return strcmp(conf_string(users, "mcp.tools"), "read-only") == 0;
    if (workspace)
        tighten(conf, workspace);
    bool read_only = strcmp(conf_string(conf, "mcp.tools"), "read-only") == 0;
    conf_free(conf);
    return read_only;
}
