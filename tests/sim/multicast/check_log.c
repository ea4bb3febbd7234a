/* SPDX-License-Identifier: Apache-2.0 */
/* check_log: C5. A group has one committed log: whoever commits index i first says what it is. */
#include "tests/sim/multicast/checks.h"

static uint64_t content_of(const struct wire_entry *entry, uint32_t message)
{
    const uint64_t parts[] = {(uint64_t)entry->kind, entry->reach.value,
                              entry->timestamp.clock.value, entry->timestamp.group.value, message};
    uint64_t content = 0;
    for (uint32_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        content = (content ^ parts[i]) * UINT64_C(0x9e3779b97f4a7c15);
        content ^= content >> 29;
    }
    return content;
}

static void first_commit(struct checks *checks, kv_group_id group, uint32_t message,
                         const struct wire_entry *entry)
{
    const struct check_group *g = &checks->groups[group.value];
    if (entry->kind != WIRE_ENTRY_CMD && entry->kind != WIRE_ENTRY_PROPOSE) {
        return;
    }
    kv_clock before = g->committed > 1 ? g->log[g->committed - 2].reach : (kv_clock){0};
    struct check_message *m = &checks->messages[message];
    uint64_t bit = kv_group_set_of(group).bits;
    if ((m->committed & bit) != 0) {
        check_fail(checks->report, "C5",
                   "message %u is twice in the log of group %u, again at %llu", message,
                   group.value, (unsigned long long)entry->index.value);
        return;
    }
    m->committed |= bit;
    m->proposals[group.value] = entry->timestamp;
    if (entry->timestamp.clock.value <= before.value) {
        check_fail(
            checks->report, "C5", "group %u index %llu: clock %llu is not above the reach %llu",
            group.value, (unsigned long long)entry->index.value,
            (unsigned long long)entry->timestamp.clock.value, (unsigned long long)before.value);
        return;
    }
    check_facts_claim(checks, message, group, entry->timestamp);
    check_facts_final(checks, message);
}

void check_log_commit(struct checks *checks, kv_group_id group, uint32_t message,
                      const struct wire_entry *entry)
{
    struct check_group *g = &checks->groups[group.value];
    uint64_t index = entry->index.value;
    uint64_t content = content_of(entry, message);
    if (index <= g->committed) {
        const struct check_entry *known = &g->log[index - 1];
        if (known->term.value != entry->term.value || known->content != content) {
            check_fail(checks->report, "C5",
                       "group %u index %llu: committed in term %llu and in term %llu", group.value,
                       (unsigned long long)index, (unsigned long long)known->term.value,
                       (unsigned long long)entry->term.value);
        }
        return;
    }
    if (index != g->committed + 1) {
        check_fail(checks->report, "C5",
                   "group %u: index %llu is committed, but nobody has committed %u", group.value,
                   (unsigned long long)index, g->committed + 1);
        return;
    }
    if (g->committed == g->log_capacity) {
        g->log_capacity = g->log_capacity == 0 ? 128 : 2 * g->log_capacity;
        g->log = kv_realloc(g->log, g->log_capacity * sizeof *g->log);
    }
    g->log[g->committed++] = (struct check_entry){entry->term, entry->reach, content};
    first_commit(checks, group, message, entry);
}
