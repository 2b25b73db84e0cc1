// Inside of workspace.c and workspace_history.c.
#pragma once

#include "core/workspace/workspace.h"

#include <pthread.h>

struct workspace {
    struct workspaces *registry;
    char *root;
    struct index *index;
    unsigned users;
    int64_t used_ms; // when the last user gave it back
    pthread_mutex_t view_lock;
    struct workspace_view *view;                // of the newest generation asked for
    pthread_mutex_t history_lock, history_work; // work: one refreshes, others wait for it
    struct workspace_history *history;
    pthread_mutex_t lines_lock, lines_work; // work: one reads, others do without
    struct workspace_lines *lines;
    pthread_mutex_t behind_lock;
    struct workspace_behind *behind; // tries merges; NULL: never yet
};

struct workspace_view {
    struct workspace *ws;
    struct snapshot *snapshot;
    struct search *search;
    struct past_search *searches; // with a history each; guarded by its history_work
    unsigned users;               // the workspace's own counts; guarded by its view_lock
};

struct store *workspace_store(struct workspace *ws);       // of now; NULL: none
void workspace_history_drop(struct workspace *ws);         // when the workspace is freed
void workspace_history_share(struct workspace_history *h); // one more holder
void workspace_history_put(struct workspace_history *h);   // accepts NULL
void workspace_searches_drop(struct workspace_view *v);    // when the view is freed
void workspace_lines_drop(struct workspace *ws);           // when the workspace is freed
void workspace_branches_drop(struct workspace *ws);        // the same; stops its thread
