/* SPDX-License-Identifier: Apache-2.0 */
/* check_leases: see the header. */
#include "tests/sim/check_leases.h"

#include <inttypes.h>

#include "multicast/base/assert.h"

static struct check_leases_message *find(const struct check_leases *check, kv_timestamp timestamp)
{
    for (uint32_t i = check->count; i > 0; i--) {
        if (kv_timestamp_compare(check->messages[i - 1].timestamp, timestamp) == 0) {
            return &check->messages[i - 1];
        }
    }
    return NULL;
}

static bool is_about_leases(const struct wire_command *command)
{
    return (command->op == WIRE_OP_LOCK && !command->exec) || command->op == WIRE_OP_KEEPALIVE ||
           command->op == WIRE_OP_UNLOCK || command->op == WIRE_OP_REVOKE;
}

void check_leases_delivered(struct check_leases *check, const struct order_delivery *delivery)
{
    struct wire_command *command = &check->command;
    if (wire_command_decode(wire_entry_body(delivery->entry), command) != STATUS_OK ||
        !is_about_leases(command) || find(check, delivery->timestamp) != NULL) {
        return;
    }
    if (check->count == check->capacity) {
        check->capacity = 2 * check->capacity + 16;
        check->messages = kv_realloc(check->messages, check->capacity * sizeof(*check->messages));
    }
    check->messages[check->count++] = (struct check_leases_message){
        .timestamp = delivery->timestamp,
        .op = command->op,
        .token = command->op == WIRE_OP_LOCK ? delivery->timestamp : command->token,
        .ttl_us = (uint64_t)command->ttl_ms * 1000};
}

/* A group has revoked it. */
static void check_end(const struct check_leases_message *lock, kv_group_id group,
                      const struct check_leases_moment *moment, struct sim_report *report)
{
    const uint64_t ttl = lock->unlocked ? 0 : lock->ttl_us * 1000 / (1000 - moment->rate_permille);
    const uint64_t since = lock->since > moment->quiet_from ? lock->since : moment->quiet_from;
    const uint64_t due = since + ttl;
    if (moment->quiet_from > moment->now || moment->now <= due) {
        return;
    }
    const uint64_t late = moment->now - due;
    if (late > moment->slack_us) {
        sim_report_fail(report, "leases",
                        "group %u: token %" PRIu64 " was held %" PRIu64 " us behind %s, %" PRIu64
                        " us more than it may be",
                        (unsigned)group.value, lock->token.clock.value, moment->now - since,
                        lock->unlocked ? "its UNLOCK" : "its last renewal",
                        late - moment->slack_us);
    }
}

void check_leases_answered(struct check_leases *check, kv_group_id group,
                           const struct engine_reply *reply,
                           const struct check_leases_moment *moment, struct sim_report *report)
{
    struct check_leases_message *message = find(check, reply->timestamp);
    if (message == NULL || kv_group_set_has(message->answered, group) ||
        wire_answer_decode(reply->answer, &check->answer) != STATUS_OK ||
        check->answer.verdict != WIRE_VERDICT_OK) {
        return;
    }
    message->answered.bits |= kv_group_set_of(group).bits;
    struct check_leases_message *lock = find(check, message->token);
    if (lock == NULL || lock->op != WIRE_OP_LOCK) {
        return; /* nobody has a lock by this name */
    }
    const bool oracle = kv_group_equal(group, KV_GROUP_ORACLE);
    if (message->op == WIRE_OP_REVOKE) {
        if (lock->since != 0) {
            check_end(lock, group, moment, report);
        }
    } else if (oracle) {
        lock->since = moment->now;
        lock->unlocked = lock->unlocked || message->op == WIRE_OP_UNLOCK;
    }
}

void check_leases_close(struct check_leases *check)
{
    kv_free(check->messages);
}
