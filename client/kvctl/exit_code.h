/* SPDX-License-Identifier: Apache-2.0 */
/* exit_code: what the exit code of kvctl says, as one table.
 *
 * Scripts branch on it, so a code never changes its meaning. The help text and the bash
 * completion are made from the same table. 5 and 6 are kept apart because they ask for different
 * acts: after 5 a write may be sent again, after 6 one has to look first. */
#ifndef KVCTL_EXIT_CODE_H
#define KVCTL_EXIT_CODE_H

#include "client/lib/kv.h"

/* X(NAME, code, "text") */
#define KVCTL_EXIT_MAP(X)                                                                          \
    X(OK, 0, "done")                                                                               \
    X(FAILURE, 1, "failed for a reason that has no code of its own")                               \
    X(USAGE, 2, "the command line is not valid; nothing was done")                                 \
    X(NOT_FOUND, 3, "no such key")                                                                 \
    X(CONDITION, 4, "the condition does not hold: mismatch, key exists, not a number, guards")     \
    X(UNAVAILABLE, 5, "no answer in time; not executed")                                           \
    X(IN_DOUBT, 6, "no answer in time; may have been executed, or may yet be")                     \
    X(AUTH, 7, "the cluster does not accept this client")                                          \
    X(LIMIT, 8, "a limit is exceeded, or a disk is full; not executed")                            \
    X(UNHEALTHY, 9, "the cluster is not healthy: a group has no leader or no quorum")              \
    X(INTERRUPTED, 130, "interrupted")

enum kvctl_exit {
#define X(name, code, text) KVCTL_EXIT_##name = code,
    KVCTL_EXIT_MAP(X)
#undef X
};

/* "NOT_FOUND" */
const char *kvctl_exit_name(enum kvctl_exit code);

/* The exit code of an operation that ended with this status. A read has no effect, so it is
 * never in doubt. */
enum kvctl_exit kvctl_exit_of(kv_status status, bool is_write);

/* Whether a code of operation can change the state. */
bool kvctl_is_write(kv_op_code code);

/* What the user can do about a status, as the end of a sentence; "" if the text of the status
 * says it all. */
const char *kvctl_hint(kv_status status);

#endif
