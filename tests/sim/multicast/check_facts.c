/* SPDX-License-Identifier: Apache-2.0 */
/* check_facts: FIX. Claims are compared with each other at once, and with the committed log as soon as that is seen: the fast
 * path may know of a commit before any member of the group does. */
#include "tests/sim/multicast/checks.h"

void check_facts_claim(struct checks *checks, uint32_t message, kv_group_id group, kv_timestamp lts)
{
    struct check_message *m = &checks->messages[message];
    uint64_t bit = kv_group_set_of(group).bits;
    if (!checks->facts) {
        return;
    }
    if ((m->claimed & bit) == 0) {
        m->claimed |= bit;
        m->claims[group.value] = lts;
    } else if (kv_timestamp_compare(m->claims[group.value], lts) != 0) {
        check_fail(checks->report, "FIX",
                   "message %u: group %u is said to have committed clock %llu and clock %llu",
                   message, group.value, (unsigned long long)m->claims[group.value].clock.value,
                   (unsigned long long)lts.clock.value);
    }
}

/* The final timestamp is the largest proposal; judged when all proposals have been seen to be committed. */
void check_facts_final(struct checks *checks, uint32_t message)
{
    const struct check_message *m = &checks->messages[message];
    kv_timestamp largest = {{0}, {0}};
    for (uint32_t g = 0; g < CHECK_GROUPS_MAX; g++) {
        if (((m->committed >> g) & 1) != 0 && kv_timestamp_compare(m->proposals[g], largest) > 0) {
            largest = m->proposals[g];
        }
    }
    bool complete = (m->committed & m->destinations) == m->destinations;
    int order = kv_timestamp_compare(m->final, largest);
    if (checks->facts && m->has_final && (complete ? order != 0 : order < 0)) {
        check_fail(checks->report, "FIX",
                   "message %u is final with %llu.%u, the largest proposal is %llu.%u", message,
                   (unsigned long long)m->final.clock.value, m->final.group.value,
                   (unsigned long long)largest.clock.value, largest.group.value);
    }
}
