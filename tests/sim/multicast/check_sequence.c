/* SPDX-License-Identifier: Apache-2.0 */
/* check_sequence: C1, C2, C3.
 *
 * A group has one sequence: whoever delivers position k first says what it is, all others must agree. So two members that
 * are prefixes of it are prefixes of one another. */
#include <stdio.h>

#include "tests/sim/multicast/checks.h"

/* C3: the timestamp is this message's alone. */
static void note_final(struct checks *checks, uint32_t message, kv_timestamp timestamp)
{
    uint64_t hash =
        (timestamp.clock.value * 4 + timestamp.group.value) * UINT64_C(0x9e3779b97f4a7c15);
    for (uint32_t at = (uint32_t)(hash >> 32);; at++) {
        uint32_t *slot = &checks->finals[at % (2 * CHECK_MESSAGES_MAX)];
        if (*slot == 0) {
            *slot = message + 1;
            return;
        }
        const struct check_message *other = &checks->messages[*slot - 1];
        if (kv_timestamp_compare(other->final, timestamp) == 0) {
            check_fail(checks->report, "C3", "messages %u and %u have the same timestamp %llu.%u",
                       *slot - 1, message, (unsigned long long)timestamp.clock.value,
                       timestamp.group.value);
            return;
        }
    }
}

static void append(struct checks *checks, kv_group_id group, uint32_t message,
                   kv_timestamp timestamp)
{
    struct check_group *g = &checks->groups[group.value];
    struct check_message *m = &checks->messages[message];
    if (m->positions[group.value] != 0) {
        check_fail(checks->report, "C2", "group %u delivers message %u at %u and again at %u",
                   group.value, message, m->positions[group.value], g->delivered + 1);
        return;
    }
    if (g->delivered > 0 &&
        kv_timestamp_compare(g->sequence[g->delivered - 1].timestamp, timestamp) >= 0) {
        check_fail(checks->report, "C2", "group %u delivers message %u with %llu.%u behind %llu.%u",
                   group.value, message, (unsigned long long)timestamp.clock.value,
                   timestamp.group.value,
                   (unsigned long long)g->sequence[g->delivered - 1].timestamp.clock.value,
                   g->sequence[g->delivered - 1].timestamp.group.value);
        return;
    }
    if (g->delivered == g->sequence_capacity) {
        g->sequence_capacity = g->sequence_capacity == 0 ? 64 : 2 * g->sequence_capacity;
        g->sequence = kv_realloc(g->sequence, g->sequence_capacity * sizeof *g->sequence);
    }
    g->sequence[g->delivered++] = (struct check_delivery){message, timestamp};
    m->positions[group.value] = g->delivered;
    if (!m->has_final) {
        note_final(checks, message, timestamp);
        m->has_final = true;
        m->final = timestamp;
        check_facts_final(checks, message);
    } else if (kv_timestamp_compare(m->final, timestamp) != 0) {
        check_fail(checks->report, "C2",
                   "message %u has timestamp %llu.%u at group %u, elsewhere %llu.%u", message,
                   (unsigned long long)timestamp.clock.value, timestamp.group.value, group.value,
                   (unsigned long long)m->final.clock.value, m->final.group.value);
    }
}

void check_sequence_delivery(struct checks *checks, kv_group_id group, uint32_t message,
                             uint64_t before, const struct order_delivery *delivery)
{
    const struct check_group *g = &checks->groups[group.value];
    checks->digest =
        (checks->digest ^ (delivery->timestamp.clock.value + message)) * UINT64_C(0x100000001b3);
    if (delivery->position != before + 1 || before > g->delivered) {
        check_fail(checks->report, "C1",
                   "group %u: a member that has delivered %llu says that position %llu is next",
                   group.value, (unsigned long long)before, (unsigned long long)delivery->position);
        return;
    }
    if ((checks->messages[message].destinations & kv_group_set_of(group).bits) == 0) {
        check_fail(checks->report, "C2", "group %u delivers message %u, which is not for it",
                   group.value, message);
        return;
    }
    if (before == g->delivered) {
        append(checks, group, message, delivery->timestamp);
        return;
    }
    const struct check_delivery *known = &g->sequence[before];
    if (known->message != message ||
        kv_timestamp_compare(known->timestamp, delivery->timestamp) != 0) {
        check_fail(checks->report, "C1",
                   "group %u position %llu: message %u with %llu.%u at one member, %u with %llu.%u "
                   "at another",
                   group.value, (unsigned long long)before + 1, message,
                   (unsigned long long)delivery->timestamp.clock.value,
                   delivery->timestamp.group.value, known->message,
                   (unsigned long long)known->timestamp.clock.value, known->timestamp.group.value);
    }
}

void check_sequence_resume(struct checks *checks, kv_group_id group, uint64_t delivered,
                           kv_timestamp cursor)
{
    const struct check_group *g = &checks->groups[group.value];
    bool right = delivered == 0
                     ? cursor.clock.value == 0
                     : delivered <= g->delivered &&
                           kv_timestamp_compare(g->sequence[delivered - 1].timestamp, cursor) == 0;
    if (!right) {
        check_fail(checks->report, "C1",
                   "group %u: a snapshot with %llu deliveries has cursor %llu.%u", group.value,
                   (unsigned long long)delivered, (unsigned long long)cursor.clock.value,
                   cursor.group.value);
    }
}
