/* SPDX-License-Identifier: Apache-2.0 */
/* check_locks: see the header. */
#include "tests/sim/check_locks.h"

#include <inttypes.h>

#include "multicast/base/assert.h"
#include "multicast/wire/footprint.h"

/* An operation about or under a lock. */
struct lock_event {
    const struct history_operation *operation;
    struct wire_command *command;
    kv_timestamp token; /* the one granted, carried or named */
    enum wire_verdict verdict;
    bool answered;
};

static bool is_changing(const struct lock_event *event)
{
    return wire_op_is_access(event->command->op) && !wire_op_is_read_only(event->command->op);
}

static bool share_a_key(const struct wire_command *a, const struct wire_command *b)
{
    for (uint32_t i = 0; i < a->key_count; i++) {
        for (uint32_t j = 0; j < b->key_count; j++) {
            if (kv_slice_equal(a->keys[i], b->keys[j])) {
                return true;
            }
        }
    }
    return false;
}

static uint32_t read_events(const struct history *history, struct lock_event *events,
                            struct check_locks_found *found)
{
    static struct wire_answer answer;
    uint32_t count = 0;
    for (uint32_t i = 0; i < history->count; i++) {
        const struct history_operation *operation = &history->operations[i];
        struct lock_event *event = &events[count];
        event->command =
            event->command == NULL ? kv_alloc(sizeof(*event->command)) : event->command;
        if (wire_command_decode(kv_buffer_slice(&operation->body), event->command) != STATUS_OK) {
            continue;
        }
        event->operation = operation;
        event->token = event->command->token;
        event->answered =
            operation->state == HISTORY_ANSWERED &&
            wire_answer_decode(kv_buffer_slice(&operation->answer), &answer) == STATUS_OK;
        event->verdict = event->answered ? answer.verdict : WIRE_VERDICT_OK;
        const bool locks = event->command->op == WIRE_OP_LOCK;
        if (locks && event->answered && event->verdict == WIRE_VERDICT_OK) {
            event->token = operation->timestamp;
            found->granted++;
        }
        found->lost += event->answered && event->verdict == WIRE_VERDICT_LOCK_LOST ? 1 : 0;
        found->refused += event->answered && event->verdict == WIRE_VERDICT_LOCKED ? 1 : 0;
        count += event->token.clock.value != 0 ? 1 : 0;
    }
    return count;
}

/* 1 */
static void check_fence(const struct lock_event *grant, const struct lock_event *event,
                        struct sim_report *report)
{
    const bool ok = event->answered && event->verdict == WIRE_VERDICT_OK;
    if (ok && is_changing(event) && kv_timestamp_compare(event->token, grant->token) < 0 &&
        event->operation->asked > grant->operation->answered &&
        share_a_key(event->command, grant->command)) {
        sim_report_fail(
            report, "locks",
            "client %u changed a key under token %" PRIu64 " behind the grant of %" PRIu64,
            event->operation->client, event->token.clock.value, grant->token.clock.value);
    }
}

static uint64_t ttl_of(const struct lock_event *events, uint32_t count, kv_timestamp token)
{
    for (uint32_t i = 0; i < count; i++) {
        if (events[i].command->op == WIRE_OP_LOCK &&
            kv_timestamp_compare(events[i].token, token) == 0) {
            return (uint64_t)events[i].command->ttl_ms * 1000;
        }
    }
    return 0;
}

/* 2 */
static void check_lease(const struct lock_event *events, uint32_t count,
                        const struct lock_event *lost, uint64_t rate, struct sim_report *report)
{
    const uint64_t ttl = ttl_of(events, count, lost->token) * 1000 / (1000 + rate);
    uint64_t renewed = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct lock_event *event = &events[i];
        if (kv_timestamp_compare(event->token, lost->token) != 0 ||
            event->operation->asked > lost->operation->answered) {
            continue;
        }
        if (event->command->op == WIRE_OP_UNLOCK ||
            (event->command->op == WIRE_OP_LOCK && event->command->shared && is_changing(lost))) {
            return;
        }
        const bool renews =
            event->command->op == WIRE_OP_LOCK || event->command->op == WIRE_OP_KEEPALIVE;
        if (renews && event->answered && event->verdict == WIRE_VERDICT_OK &&
            event->operation->asked_us > renewed) {
            renewed = event->operation->asked_us;
        }
    }
    if (ttl > 0 && renewed > 0 && lost->operation->answered_us - renewed < ttl) {
        sim_report_fail(report, "locks",
                        "client %u lost token %" PRIu64 " %" PRIu64
                        " us behind a renewal, ttl %" PRIu64,
                        lost->operation->client, lost->token.clock.value,
                        lost->operation->answered_us - renewed, ttl);
    }
}

void check_locks_run(const struct history *history, uint64_t clock_rate_permille,
                     struct sim_report *report, struct check_locks_found *ret)
{
    struct lock_event *events = kv_alloc_zero(history->count + 1, sizeof(*events));
    *ret = (struct check_locks_found){0};
    const uint32_t count = read_events(history, events, ret);
    for (uint32_t i = 0; i < count; i++) {
        const struct lock_event *event = &events[i];
        const bool grants = event->command->op == WIRE_OP_LOCK && !event->command->shared;
        for (uint32_t j = 0; j < count && grants; j++) {
            check_fence(event, &events[j], report);
        }
        if (event->answered && event->verdict == WIRE_VERDICT_LOCK_LOST) {
            check_lease(events, count, event, clock_rate_permille, report);
        }
    }
    for (uint32_t i = 0; i <= history->count; i++) {
        kv_free(events[i].command);
    }
    kv_free(events);
}
