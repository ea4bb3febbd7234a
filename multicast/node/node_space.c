/* SPDX-License-Identifier: Apache-2.0 */
/* node_space: looks at the disk now and then, and tells the operator of changes. */
#include "multicast/node/node_space.h"

#include <errno.h>
#include <sys/statvfs.h>

#include "multicast/node/node_internal.h"

/* Between two looks: a disk that takes 500 MB/s fills the usual reserve in as much time. */
#define SPACE_LOOK_US 500000

uint64_t node_space_enough(uint64_t reserve_bytes)
{
    return reserve_bytes + reserve_bytes / 8;
}

bool node_space_set(struct node_space *space, uint64_t free_bytes, uint64_t reserve_bytes)
{
    const bool was_low = space->is_low;
    space->free_bytes = free_bytes;
    space->is_low = free_bytes < (was_low ? node_space_enough(reserve_bytes) : reserve_bytes);
    return space->is_low != was_low;
}

int node_space_of(const char *directory, uint64_t *ret)
{
    struct statvfs disk;
    if (statvfs(directory, &disk) != 0) {
        return -errno;
    }
    *ret = (uint64_t)disk.f_bavail * disk.f_frsize;
    return 0;
}

static unsigned long long mib(uint64_t bytes)
{
    return (unsigned long long)(bytes / (1024 * 1024));
}

void node_look_at_space(struct node *node)
{
    const struct node_settings *settings = &node->settings;
    uint64_t free_bytes;
    if (!kv_instant_reached(node->space.next, node->now)) {
        return;
    }
    node->space.next = kv_instant_add(node->now, SPACE_LOOK_US);
    if (settings->free_bytes(settings->directory, &free_bytes) != 0 ||
        !node_space_set(&node->space, free_bytes, settings->reserve_bytes)) {
        return; /* a disk that cannot be asked is judged by its writes */
    }
    if (node->space.is_low) {
        node_report(node,
                    "the disk of %s is almost full: %llu MiB are free, the reserve is %llu; what "
                    "clients want to have ordered is refused until %llu MiB are free",
                    settings->directory, mib(free_bytes), mib(settings->reserve_bytes),
                    mib(node_space_enough(settings->reserve_bytes)));
    } else {
        node_report(node, "the disk of %s has room again: %llu MiB are free; orders are taken",
                    settings->directory, mib(free_bytes));
    }
}
