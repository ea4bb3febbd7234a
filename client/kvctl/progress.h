/* SPDX-License-Identifier: Apache-2.0 */
/* progress: how far something long is, on stderr: one line that changes on a terminal, one for each part elsewhere. */
#ifndef KVCTL_PROGRESS_H
#define KVCTL_PROGRESS_H

#include "client/kvctl/options.h"

struct kvctl_progress {
    const struct kvctl_options *options; /* nothing is told with -q */
    const char *what;                    /* "backup" */
    bool terminal;
    uint64_t told_us;
};

void kvctl_progress_begin(struct kvctl_progress *progress, const struct kvctl_options *options,
                          const char *what);

/* `done` of `total` bytes of a part ("group 2 of 4"); the last call of a part has both the same. */
void kvctl_progress_tell(struct kvctl_progress *progress, const char *part, uint64_t done,
                         uint64_t total);

#endif
