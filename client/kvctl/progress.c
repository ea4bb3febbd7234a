/* SPDX-License-Identifier: Apache-2.0 */
/* progress: see the header. */
#include "client/kvctl/progress.h"

#include <stdio.h>
#include <unistd.h>

/* How often a line on a terminal changes. */
#define TELL_US 100000

void kvctl_progress_begin(struct kvctl_progress *progress, const struct kvctl_options *options,
                          const char *what)
{
    *progress = (struct kvctl_progress){
        .options = options, .what = what, .terminal = isatty(STDERR_FILENO) == 1};
}

void kvctl_progress_tell(struct kvctl_progress *progress, const char *part, uint64_t done,
                         uint64_t total)
{
    const uint64_t now_us = kv_now_us();
    const bool ended = done == total;
    if (kvctl_given(progress->options, KVCTL_BIT(QUIET)) ||
        (!ended && (!progress->terminal || now_us - progress->told_us < TELL_US))) {
        return;
    }
    progress->told_us = now_us;
    fprintf(stderr, "%s%s: %s: %llu of %llu bytes, %u %%%s", progress->terminal ? "\r" : "",
            progress->what, part, (unsigned long long)done, (unsigned long long)total,
            total == 0 ? 100U : (unsigned)((double)done * 100.0 / (double)total),
            ended || !progress->terminal ? "\n" : "");
}
