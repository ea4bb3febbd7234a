/* SPDX-License-Identifier: Apache-2.0 */
/* client_loads: CREATE at the partition with the fewest placed keys.
 *
 * 1. The oracle counts; one question serves all creates that wait for it, and those of the next CLIENT_LOADS_US.
 * 2. Between two questions the client adds what it creates itself, so that a burst spreads.
 * 3. Counts may be old, and the choice unlucky: the key is found wherever it is. */
#include "client/core/client_internal.h"

void client_fix_target(struct client *client, struct client_operation *operation,
                       kv_group_id target)
{
    struct wire_command *command = client_decode(client, kv_buffer_slice(&operation->command));
    KV_ASSERT(command->op == WIRE_OP_CREATE && target.value != 0);
    command->target = target;
    kv_buffer_clear(&operation->body);
    wire_command_encode(command, &operation->body); /* it borrows from the other one */
    const struct kv_buffer swapped = operation->command;
    operation->command = operation->body;
    operation->body = swapped;
    operation->choice = CLIENT_TARGET_GIVEN;
}

static void client_ask_loads(struct client *client)
{
    if (client->asking != NULL) {
        return;
    }
    struct client_operation *operation = client_acquire(client, CLIENT_ROLE_LOADS);
    wire_command_begin(&client->command, WIRE_OP_PARTITIONS);
    wire_command_encode(&client->command, &operation->command);
    operation->op = WIRE_OP_PARTITIONS;
    operation->read_only = true;
    client->asking = operation;
    client_route_alone(operation, KV_GROUP_ORACLE);
    client_start(client, operation);
}

bool client_loads_choose(struct client *client, struct client_operation *operation)
{
    struct client_loads *loads = &client->loads;
    if (kv_instant_reached(loads->good_until, client->now)) {
        client_wait(operation, &client->waiting_loads);
        client_wake_at(client, operation->deadline);
        client_ask_loads(client);
        return false;
    }
    uint16_t best = 0;
    uint64_t ties = 0;
    for (uint16_t group = 1; group <= client->partitions; group++) {
        if (best == 0 || loads->counts[group] < loads->counts[best]) {
            best = group;
            ties = 1;
        } else if (loads->counts[group] == loads->counts[best] &&
                   kv_prng_below(&client->prng, ++ties) == 0) {
            best = group; /* each of those that tie is equally likely */
        }
    }
    client_fix_target(client, operation, (kv_group_id){best});
    loads->counts[best] += client->command.key_count;
    return true;
}

/* A decimal number without sign or blanks. False: it is none, or too large for us. */
static bool client_read_number(kv_slice text, uint64_t *ret)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || number > (UINT64_MAX - 9) / 10) {
            return false;
        }
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret = number;
    return text.size > 0;
}

/* The rows of the answer. A partition without one has no placed keys. */
static bool client_read_loads(const struct client *client, struct client_loads *ret)
{
    const struct wire_answer *answer = &client->answer;
    *ret = (struct client_loads){.good_until = kv_instant_add(client->now, CLIENT_LOADS_US)};
    for (uint32_t i = 0; i < answer->row_count; i++) {
        uint64_t group;
        uint64_t count;
        if (!client_read_number(answer->rows[i].key, &group) ||
            !client_read_number(answer->rows[i].value, &count) || group < 1 ||
            group > client->partitions) {
            return false;
        }
        ret->counts[group] = count;
    }
    return answer->verdict == WIRE_VERDICT_OK;
}

void client_on_loads(struct client *client, struct client_operation *operation)
{
    struct client_loads loads;
    if (!client_read_loads(client, &loads)) {
        client_pause(client, operation, &operation->leg); /* an answer that makes no sense */
        return;
    }
    client->loads = loads;
    client_release(client, operation);
    struct client_operation *waiting;
    while ((waiting = TAILQ_FIRST(&client->waiting_loads)) != NULL) {
        client_attempt(client, waiting);
    }
}
