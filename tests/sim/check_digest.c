/* SPDX-License-Identifier: Apache-2.0 */
/* check_digest: see the header for what is checked. */
#include "tests/sim/check_digest.h"

#include <inttypes.h>
#include <string.h>

#include "multicast/base/bytes.h"

void check_digest_close(struct check_digest *check)
{
    kv_free(check->digests);
    kv_free(check->known);
    memset(check, 0, sizeof(*check));
}

void check_digest_at(struct check_digest *check, struct sim_report *report, kv_node_id node,
                     uint64_t position, uint64_t digest)
{
    if (position >= check->capacity) {
        uint64_t capacity = 2 * position + 64;
        check->digests = kv_realloc(check->digests, capacity * sizeof(*check->digests));
        check->known = kv_realloc(check->known, capacity * sizeof(*check->known));
        memset(check->known + check->capacity, 0,
               (capacity - check->capacity) * sizeof(*check->known));
        check->capacity = capacity;
    }
    if (!check->known[position]) {
        check->known[position] = true;
        check->digests[position] = digest;
    } else if (check->digests[position] != digest) {
        sim_report_fail(report, "digest",
                        "group %u: behind position %" PRIu64 " node %u has digest %016" PRIx64
                        ", another member %016" PRIx64,
                        check->group.value, position, node.value, digest, check->digests[position]);
    }
}
