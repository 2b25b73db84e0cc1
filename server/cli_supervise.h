// A process of the engine's that runs one command of the user's (models.checks) and answers for
// all that comes of it: when the command ends, its time is over, the engine says so or dies, every
// descendant is killed, also those that left the group or were orphaned (this process is their
// reaper: PR_SET_CHILD_SUBREAPER; an isolated one's namespace ends with its first process). Not for
// people: it is in no help.
//
//   paired --supervise PARENT SECONDS OPTION… -- PROGRAM ARGUMENT…
//
// Options: "auto" or "required" isolate it (server/cli_isolate.h), a letter with a path behind it
// says how. What the command writes, on both of its streams, goes to stdout; stderr has how it was
// run, where that was asked for ("isolated", "open WHY": it is not), and how it ended, in a line
// each: "exit N", "signal N", "timeout", "cancelled", "error TEXT" (there is no such program),
// "closed TEXT" (not run: it could not be isolated). Source: prctl(2), proc_pid_task_children(5).
#pragma once

#define CLI_SUPERVISE          "--supervise"
#define CLI_SUPERVISE_AUTO     "auto"
#define CLI_SUPERVISE_REQUIRED "required"

enum {
    CLI_SUPERVISE_COPY = 'c', // where it runs: may be written
    CLI_SUPERVISE_CACHES = 'x',
    CLI_SUPERVISE_WRITABLE = 'w',
    CLI_SUPERVISE_HIDDEN = 'h',
    CLI_SUPERVISE_KEPT = 'k',
    CLI_SUPERVISE_KILL_MS = 5000 // for the killing
};

int cli_supervise(int argc, char **argv);
