// What of an editor's messages concerns the front end itself: who it is, and that it leaves. Pure.
// Source: LSP 3.17 "Initialize Request" (processId), "Shutdown Request", "Exit Notification".
#pragma once

#include "protocol/jsonrpc.h"

#include <sys/types.h>

enum frontend_word { FRONTEND_OTHER, FRONTEND_INITIALIZE, FRONTEND_SHUTDOWN, FRONTEND_EXIT };

// *ret_pid: of FRONTEND_INITIALIZE; the editor's process, 0 when it does not say.
enum frontend_word frontend_lsp_word(const struct jsonrpc_message *m, pid_t *ret_pid);
