/* SPDX-License-Identifier: Apache-2.0 */
/* commands: see the header. */
#include "tests/unit/engine/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "multicast/base/assert.h"
#include "multicast/wire/footprint.h"

kv_group_id group_of(unsigned value)
{
    return (kv_group_id){(uint16_t)value};
}

kv_message_id command_id(uint64_t sequence, uint32_t attempt)
{
    return (kv_message_id){{{{COMMAND_SESSION}, {0}}}, sequence, attempt};
}

struct wire_command *command_begin(struct together *together, enum wire_op op)
{
    wire_command_begin(&together->command, op);
    return &together->command;
}

void command_add_key(struct wire_command *command, kv_slice key, unsigned owner)
{
    command->keys[command->key_count++] = key;
    command->owners[command->owner_count++] = (uint8_t)owner;
}

void command_add_value(struct wire_command *command, const char *value)
{
    command->values[command->value_count++] = kv_slice_of_text(value);
}

static void add_two(struct wire_command *command, kv_slice a, unsigned at_a, kv_slice b,
                    unsigned at_b)
{
    const bool swapped = kv_slice_compare(a, b) > 0;
    command_add_key(command, swapped ? b : a, swapped ? at_b : at_a);
    command_add_key(command, swapped ? a : b, swapped ? at_a : at_b);
}

void order(struct together *together, kv_message_id id)
{
    (void)together_order(together, id, (kv_group_set){0});
}

static void order_at(struct together *together, kv_message_id id, unsigned group)
{
    (void)together_order(together, id, kv_group_set_of(group_of(group)));
}

void order_put(struct together *together, kv_message_id id, kv_slice key, unsigned at,
               const char *value)
{
    struct wire_command *command = command_begin(together, WIRE_OP_PUT);
    command->keys[command->key_count++] = key;
    command_add_value(command, value);
    order_at(together, id, at);
}

void order_incr(struct together *together, kv_message_id id, kv_slice key, unsigned at)
{
    struct wire_command *command = command_begin(together, WIRE_OP_INCR);
    command->keys[command->key_count++] = key;
    command->number = 1;
    order_at(together, id, at);
}

void order_put_two(struct together *together, kv_message_id id, kv_slice a, unsigned at_a,
                   kv_slice b, unsigned at_b, const char *value)
{
    struct wire_command *command = command_begin(together, WIRE_OP_MPUT);
    add_two(command, a, at_a, b, at_b);
    command_add_value(command, value);
    command_add_value(command, value);
    order(together, id);
}

void order_borrow_two(struct together *together, kv_message_id id, kv_slice a, unsigned at_a,
                      kv_slice b, unsigned at_b)
{
    struct wire_command *command = command_begin(together, WIRE_OP_MGET);
    add_two(command, a, at_a, b, at_b);
    command->policy = WIRE_POLICY_BORROW;
    command->target = group_of(at_b);
    order(together, id);
}

void order_move(struct together *together, kv_message_id id, kv_slice key, unsigned from,
                unsigned to)
{
    struct wire_command *command = command_begin(together, WIRE_OP_MOVE);
    command->target = group_of(to);
    command_add_key(command, key, from);
    order(together, id);
}

void order_create(struct together *together, kv_message_id id, kv_slice key, unsigned to,
                  const char *value)
{
    struct wire_command *command = command_begin(together, WIRE_OP_CREATE);
    command->target = group_of(to);
    command_add_key(command, key, wire_home_of(key, TOGETHER_PARTITIONS).value);
    command_add_value(command, value);
    order(together, id);
}

void order_delete(struct together *together, kv_message_id id, kv_slice key, unsigned at)
{
    command_add_key(command_begin(together, WIRE_OP_DELETE), key, at);
    order(together, id);
}

void order_exec_incr(struct together *together, kv_message_id id, kv_slice key)
{
    struct wire_command *command = command_begin(together, WIRE_OP_INCR);
    command->exec = true;
    command->number = 1;
    command->keys[command->key_count++] = key;
    order_at(together, id, KV_GROUP_ORACLE.value);
}

enum wire_verdict verdict_of(struct together *together, kv_message_id id)
{
    const struct wire_answer *answer = together_answer_to(together, id);
    return answer == NULL ? (enum wire_verdict)0 : answer->verdict;
}

uint32_t read_one(struct together *together, kv_slice key, unsigned at)
{
    struct wire_command *command = command_begin(together, WIRE_OP_GET);
    command->keys[command->key_count++] = key;
    return together_read(together, group_of(at));
}

enum wire_verdict read_verdict(struct together *together, uint32_t number)
{
    const struct together_read *read = &together->reads[number];
    if (!read->answered) {
        return (enum wire_verdict)0;
    }
    const enum status status =
        wire_answer_decode(kv_buffer_slice(&read->answer), &together->answer);
    KV_ASSERT(status == STATUS_OK);
    return together->answer.verdict;
}

void apply_all(struct together *together, struct together_member *member)
{
    while (together_apply(together, member)) {
    }
}

void deliver_from_to(struct together *together, unsigned from, unsigned to)
{
    for (uint32_t i = 0; i < together->packet_count;) {
        const struct together_packet *packet = &together->packets[i];
        if (packet->message.as.signal.speaker.group.value == from &&
            packet->to->group.value == to) {
            together_deliver(together, i);
            together_drop(together, i);
        } else {
            i++;
        }
    }
}

void drop_all(struct together *together)
{
    while (together->packet_count > 0) {
        together_drop(together, 0);
    }
}

kv_timestamp last(const struct together *together)
{
    return (kv_timestamp){{together->clock}, {0}};
}

void run_for(struct together *together, uint64_t us)
{
    const uint64_t until = together->now.us + us;
    while (together->now.us <= until) {
        for (unsigned g = 0; g < TOGETHER_GROUPS; g++) {
            for (unsigned m = 0; m < TOGETHER_MEMBERS; m++) {
                struct together_member *member = &together->members[g][m];
                apply_all(together, member);
                if (kv_instant_reached(engine_deadline(member->engine), together->now)) {
                    together_tick(together, member);
                }
            }
        }
        while (together->packet_count > 0) {
            together_deliver(together, 0);
            together_drop(together, 0);
        }
        together->now.us += ENGINE_RETRY_US / 2;
    }
}

struct wire_command *lock_begin(struct together *together, kv_slice key, unsigned at)
{
    struct wire_command *command = command_begin(together, WIRE_OP_LOCK);
    command->ttl_ms = COMMAND_TTL_MS;
    command_add_key(command, key, at);
    return command;
}

kv_timestamp order_lock(struct together *together, kv_message_id id, kv_slice key, unsigned at)
{
    (void)lock_begin(together, key, at);
    order(together, id);
    return last(together);
}

kv_timestamp order_lock_two(struct together *together, kv_message_id id, kv_slice a, unsigned at_a,
                            kv_slice b, unsigned at_b)
{
    struct wire_command *command = command_begin(together, WIRE_OP_LOCK);
    command->ttl_ms = COMMAND_TTL_MS;
    add_two(command, a, at_a, b, at_b);
    order(together, id);
    return last(together);
}

void order_about(struct together *together, kv_message_id id, enum wire_op op, kv_timestamp token)
{
    command_begin(together, op)->token = token;
    (void)together_order(together, id, kv_group_set_of(KV_GROUP_ORACLE));
}

const char *value_at(struct together *together, kv_slice key, unsigned at)
{
    static char text[32];
    static struct wire_answer answer;
    struct kv_buffer body = {0};
    command_begin(together, WIRE_OP_GET)->keys[0] = key;
    together->command.key_count = 1;
    wire_command_encode(&together->command, &body);
    const kv_slice said =
        engine_read(together_leader(together, at)->engine, kv_buffer_slice(&body));
    assert_int_equal(wire_answer_decode(said, &answer), STATUS_OK);
    kv_buffer_close(&body);
    snprintf(text, sizeof(text), "%.*s", answer.row_count == 0 ? 0 : (int)answer.rows[0].value.size,
             answer.row_count == 0 ? "" : (const char *)answer.rows[0].value.data);
    return text;
}

int command_setup(void **state)
{
    struct together *together = together_new();
    together->plain = true;
    together->clock = 1000; /* later than the registrations of clients */
    *state = together;
    return 0;
}

int command_teardown(void **state)
{
    struct together *together = *state;
    together_settle(together);
    together_check_members(together);
    together_close(&together);
    return 0;
}
