/* SPDX-License-Identifier: Apache-2.0 */
/* together_check: what must hold when everything is quiet. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "multicast/base/assert.h"
#include "oracle/oracle_machine.h"
#include "tests/reference/reference_places.h"
#include "tests/unit/engine/together.h"
#include "tests/unit/engine/together_watch.h"

void together_check_members(struct together *together)
{
    for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
        const struct together_member *members = together->members[g];
        for (unsigned m = 0; m < TOGETHER_MEMBERS; m++) {
            KV_ASSERT(members[m].applied == together->logs[g].count);
            KV_ASSERT(engine_unfinished(members[m].engine) == 0);
            KV_ASSERT(engine_runs(members[m].engine) == 0); /* E8: nothing is kept for ever */
        }
        KV_ASSERT(engine_digest(members[0].engine) == engine_digest(members[1].engine)); /* E4 */
    }
    KV_ASSERT(oracle_machine_alarms(&together_leader(together, 0)->machine) == 0);
}

static void check_keys(struct together *together)
{
    char text[REFERENCE_TEXT_BYTES];
    struct engine *engines[TOGETHER_GROUPS];
    for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
        engines[g] = together_leader(together, g)->engine;
    }
    const bool agree =
        reference_places_agree(together->reference, engines, TOGETHER_PARTITIONS, text);
    if (!agree) {
        fprintf(stderr, "%s\n", text);
    }
    KV_ASSERT(agree); /* P1 */
}

static int by_timestamp(const void *left, const void *right)
{
    const struct together_read *a = *(struct together_read *const *)left;
    const struct together_read *b = *(struct together_read *const *)right;
    return kv_timestamp_compare(a->timestamp, b->timestamp);
}

static void print_answer(const char *who, const struct wire_answer *answer)
{
    fprintf(stderr, "  %s: %s number %" PRId64, who, wire_verdict_name(answer->verdict),
            answer->number);
    for (uint32_t i = 0; i < answer->row_count; i++) {
        const kv_slice value = answer->rows[i].value;
        fprintf(stderr, " row %d '%.*s'", answer->rows[i].present, (int)value.size,
                value.size == 0 ? "" : (const char *)value.data);
    }
    for (uint32_t i = 0; i < answer->place_count; i++) {
        fprintf(stderr, " place %u %s %u", answer->places[i].key,
                wire_verdict_name(answer->places[i].verdict), answer->places[i].group.value);
    }
    fprintf(stderr, "\n");
}

static void print_command(struct together *together, const struct wire_entry *message)
{
    struct wire_command *command = &together->command;
    if (wire_command_decode(wire_entry_body(message), command) != STATUS_OK) {
        return;
    }
    fprintf(stderr,
            "  at %" PRIu64 " session %" PRIu64 " sequence %" PRIu64 " attempt %x to %" PRIx64
            ": %s%s policy %d"
            " target %u",
            message->timestamp.clock.value, message->id.session.registered.clock.value,
            message->id.sequence, message->id.attempt, message->destinations.bits,
            command->exec ? "exec " : "", wire_op_name(command->op), (int)command->policy,
            command->target.value);
    for (uint32_t i = 0; i < command->key_count; i++) {
        fprintf(stderr, " %.*s@%d", (int)command->keys[i].size, (const char *)command->keys[i].data,
                command->owner_count > 0 ? command->owners[i] : -1);
    }
    const uint32_t steps =
        command->guard_count + command->branch_count[0] + command->branch_count[1];
    for (uint32_t i = 0; i < steps && command->op == WIRE_OP_TXN; i++) {
        const struct wire_step *step = &command->steps[i];
        fprintf(stderr, "%s %s %u '%.*s' %" PRId64,
                i == command->guard_count || i == command->guard_count + command->branch_count[0]
                    ? " |"
                    : "",
                wire_step_name(step->kind), step->key, (int)step->value.size,
                step->value.size == 0 ? "" : (const char *)step->value.data, step->number);
    }
    fprintf(stderr, "\n");
}

static void check_answer(struct together *together, kv_message_id id,
                         const struct wire_answer *expected)
{
    const struct wire_answer *answer = together_answer_to(together, kv_message_id_of_client(id));
    if (answer == NULL || !reference_same(expected, answer)) {
        fprintf(stderr, "session %" PRIu64 " sequence %" PRIu64 "\n",
                id.session.registered.clock.value, id.sequence);
        print_answer("expected", expected);
        if (answer != NULL) {
            print_answer("found", answer);
        }
        for (uint32_t i = 0; i < together->message_count; i++) {
            print_command(together, together->messages[i]);
        }
    }
    KV_ASSERT(answer != NULL);
    KV_ASSERT(reference_same(expected, answer));
}

static void check_read(struct together *together, struct reference *replay,
                       const struct together_read *read)
{
    static struct wire_answer expected;
    const bool known = reference_read(replay, read->group, kv_buffer_slice(&read->body), &expected);
    const enum status status =
        wire_answer_decode(kv_buffer_slice(&read->answer), &together->answer);
    KV_ASSERT(known && status == STATUS_OK);
    KV_ASSERT(reference_same(&expected, &together->answer));
}

/* All messages once more, with the reads where they stand among them. */
static void check_answers(struct together *together)
{
    static struct wire_answer expected;
    struct reference *replay = reference_new(TOGETHER_PARTITIONS, 0);
    struct together_read **reads =
        kv_alloc_zero(together->read_count + 1, sizeof(struct together_read *));
    uint32_t read_count = 0, next = 0;
    for (uint32_t i = 0; i < together->read_count; i++) {
        KV_ASSERT(together->reads[i].answered);
        if (together->reads[i].answer.size > 0) {
            reads[read_count++] = &together->reads[i];
        }
    }
    qsort(reads, read_count, sizeof(struct together_read *), by_timestamp);
    for (uint32_t i = 0; i <= together->message_count; i++) {
        const struct wire_entry *message =
            i < together->message_count ? together->messages[i] : NULL;
        while (next < read_count &&
               (message == NULL ||
                kv_timestamp_compare(reads[next]->timestamp, message->timestamp) < 0)) {
            check_read(together, replay, reads[next++]);
        }
        if (message == NULL) {
            continue;
        }
        const struct reference_message said = {
            message->id,    message->destinations,    message->timestamp,
            message->floor, wire_entry_body(message), NULL};
        if (reference_run(replay, &said, &expected) == REFERENCE_ANSWERED) {
            check_answer(together, message->id, &expected);
        }
    }
    KV_ASSERT(reference_alarms(replay) == 0); /* D7 */
    KV_ASSERT(reference_pending(replay) == 0);
    reference_close(&replay);
    kv_free(reads);
}

void together_check(struct together *together)
{
    together_check_members(together);
    check_answers(together);
    check_keys(together);
    together->watched = together_watch_check(together);
}
