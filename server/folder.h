// Where a folder belongs. Pure but for looking at folders; any thread.
#pragma once

#include "core/base/dirs.h"

#include <stdbool.h>
#include <stddef.h>

// The repository around a folder is what all who work in it share (as attach_workspace has it). One
// of dotfiles in the home is not what its subfolders are about. `real`: the folder without links;
// its first *ret_root bytes are the repository, or all of it. false: there is no such folder.
bool folder_root(const char *path, char real[DIRS_PATH_BYTES_MAX], size_t *ret_root);
