// A process of the engine's that runs one command of the user's (models.checks) and answers for
// all that comes of it: when the command ends, its time is over, the engine says so or dies, every
// descendant is killed, also those that left the group or were orphaned (this process is their
// reaper: PR_SET_CHILD_SUBREAPER). Not for people: it is in no help.
//
//   paired --supervise PARENT SECONDS PROGRAM ARGUMENT…
//
// What the command writes, on both of its streams, goes to stdout; how it ended is one line on
// stderr: "exit N", "signal N", "timeout", "cancelled", "error TEXT".
// Source: prctl(2), proc_pid_task_children(5).
#pragma once

#define CLI_SUPERVISE "--supervise"

enum { CLI_SUPERVISE_KILL_MS = 5000 }; // for the killing

int cli_supervise(int argc, char **argv);
