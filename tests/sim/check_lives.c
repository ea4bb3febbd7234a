/* SPDX-License-Identifier: Apache-2.0 */
/* check_lives: see the header. */
#include "tests/sim/check_lives.h"

#include <inttypes.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/wire/command.h"

/* A key, by its number. */
struct life {
    const struct history_operation
        *set; /* an OK; NULL: nobody knows whether there was such a key */
    kv_timestamp session;
    uint64_t ttl_us;
    uint64_t gone; /* the first moment by which somebody was told that it has gone */
};

struct check {
    const struct history *history;
    struct sim_report *report;
    struct check_lives_found *found;
    uint64_t rate;
    struct wire_command *command;
    struct wire_answer *answer;
    struct life *lives;
    uint32_t count;
};

bool check_lives_is_brief(kv_slice key, uint32_t *ret_number)
{
    const size_t prefix = sizeof(CHECK_LIVES_PREFIX) - 1;
    *ret_number = 0;
    if (key.size <= prefix || memcmp(key.data, CHECK_LIVES_PREFIX, prefix) != 0) {
        return false;
    }
    for (size_t i = prefix; i < key.size; i++) {
        *ret_number = *ret_number * 10 + (uint32_t)(key.data[i] - '0');
    }
    return true;
}

/* Decode an operation. False: it has no answer that counts. */
static bool read_operation(struct check *check, const struct history_operation *operation,
                           enum wire_verdict *ret_verdict)
{
    if (wire_command_decode(kv_buffer_slice(&operation->body), check->command) != STATUS_OK ||
        operation->state != HISTORY_ANSWERED ||
        wire_answer_decode(kv_buffer_slice(&operation->answer), check->answer) != STATUS_OK) {
        return false;
    }
    *ret_verdict = check->answer->verdict;
    return true;
}

static void note_set(struct check *check, const struct history_operation *operation)
{
    const struct wire_command *command = check->command;
    for (uint32_t i = 0; i < command->key_count; i++) {
        uint32_t number;
        const bool brief = check_lives_is_brief(command->keys[i], &number);
        if (brief && (command->ttl_ms > 0 || wire_command_has_session(command))) {
            KV_ASSERT(number < check->count && check->lives[number].set == NULL);
            check->lives[number] = (struct life){.set = operation,
                                                 .session = command->session,
                                                 .ttl_us = (uint64_t)command->ttl_ms * 1000,
                                                 .gone = UINT64_MAX};
            check->found->bound++;
        }
    }
}

static void note_all(struct check *check)
{
    enum wire_verdict verdict;
    for (uint32_t i = 0; i < check->history->count; i++) {
        if (read_operation(check, &check->history->operations[i], &verdict) &&
            verdict == WIRE_VERDICT_OK) {
            note_set(check, &check->history->operations[i]);
        }
    }
}

/* Until when a session lasts at least, as far as it was renewed by what was asked before `until`; UINT64_MAX: its end was asked for. */
static uint64_t session_lasts(struct check *check, kv_timestamp session, uint64_t until,
                              uint64_t *ret_ttl_us)
{
    uint64_t renewed = 0;
    enum wire_verdict verdict;
    for (uint32_t i = 0; i < check->history->count; i++) {
        const struct history_operation *operation = &check->history->operations[i];
        if (operation->asked > until ||
            wire_command_decode(kv_buffer_slice(&operation->body), check->command) != STATUS_OK) {
            continue;
        }
        const struct wire_command *command = check->command;
        const bool about = kv_timestamp_compare(command->token, session) == 0;
        const bool begins = command->op == WIRE_OP_SESSION_BEGIN &&
                            kv_timestamp_compare(operation->timestamp, session) == 0;
        if (about && command->op == WIRE_OP_UNLOCK) {
            return UINT64_MAX;
        }
        if (begins) {
            *ret_ttl_us = (uint64_t)command->ttl_ms * 1000;
        }
        if ((begins || (about && command->op == WIRE_OP_KEEPALIVE)) &&
            read_operation(check, operation, &verdict) && verdict == WIRE_VERDICT_OK &&
            operation->asked_us > renewed) {
            renewed = operation->asked_us;
        }
    }
    return renewed;
}

/* 1: the operation was told that the key has gone. */
static void check_gone(struct check *check, const struct history_operation *operation,
                       const struct life *life, uint32_t number)
{
    uint64_t from = life->set->asked_us, ttl = life->ttl_us;
    if (life->session.clock.value != 0) {
        from = session_lasts(check, life->session, operation->answered, &ttl);
    }
    ttl = ttl * 1000 / (1000 + check->rate);
    if (from != UINT64_MAX && operation->answered_us - from < ttl) {
        sim_report_fail(check->report, "lives",
                        "client %u does not find key %u any more after %" PRIu64
                        " us, it has to last for %" PRIu64,
                        operation->client, number, operation->answered_us - from, ttl);
    }
}

static void check_read(struct check *check, const struct history_operation *operation)
{
    enum wire_verdict verdict;
    uint32_t number;
    if (!read_operation(check, operation, &verdict) || check->command->op != WIRE_OP_GET ||
        !check_lives_is_brief(check->command->keys[0], &number)) {
        return;
    }
    struct life *life = &check->lives[number];
    if (life->set == NULL || operation->asked < life->set->answered) {
        return;
    }
    if (verdict == WIRE_VERDICT_NOT_FOUND) {
        check->found->gone++;
        life->gone = operation->answered < life->gone ? operation->answered : life->gone;
        check_gone(check, operation, life, number);
    } else if (verdict == WIRE_VERDICT_OK && operation->asked > life->gone) { /* 2 */
        sim_report_fail(check->report, "lives", "client %u finds key %u, which had gone",
                        operation->client, number);
    }
}

void check_lives_run(const struct history *history, uint64_t clock_rate_permille,
                     struct sim_report *report, struct check_lives_found *ret)
{
    struct check check = {.history = history,
                          .report = report,
                          .found = ret,
                          .rate = clock_rate_permille,
                          .command = kv_alloc(sizeof(*check.command)),
                          .answer = kv_alloc(sizeof(*check.answer)),
                          .count = 2 * history->count + 2}; /* an operation makes two at most */
    check.lives = kv_alloc_zero(check.count, sizeof(*check.lives));
    *ret = (struct check_lives_found){0};
    note_all(&check);
    for (uint32_t i = 0; i < history->count; i++) {
        check_read(&check, &history->operations[i]);
    }
    kv_free(check.lives);
    kv_free(check.command);
    kv_free(check.answer);
}
