/* SPDX-License-Identifier: Apache-2.0 */
/* client_route: what an attempt says and to which groups, from the command and what is known of its keys.
 *
 * 1. Nearly every command concerns one partition and goes there as it was submitted: nothing is encoded again.
 * 2. Otherwise the command names an owner for each key, and footprint.h says whom it concerns. Then it is ordered, also if it
 *    only reads.
 * 3. The last resort names no owners: the oracle finds them (EXEC). */
#include "client/core/client_internal.h"

#include <string.h>

struct wire_command *client_decode(struct client *client, kv_slice body)
{
    const enum status status = wire_command_decode(body, &client->command);
    KV_ASSERT(status == STATUS_OK); /* our own bytes */
    return &client->command;
}

/* ---- Owners ---- */

/* Where each key is believed to be, into client->owners. A CREATE asks for the judgement of home,
 * whatever else is heard of a key. */
static void client_find_owners(struct client *client, const struct wire_command *command)
{
    for (uint32_t i = 0; i < command->key_count; i++) {
        struct client_place place;
        if (command->op != WIRE_OP_CREATE &&
            client_places_use(&client->places, command->keys[i], &place)) {
            client->counters.places_hit++;
            client->owners[i] = (uint8_t)place.group.value;
        } else {
            client->counters.places_missed++;
            client->owners[i] = (uint8_t)wire_home_of(command->keys[i], client->partitions).value;
        }
    }
}

static bool client_is_one_owner(const struct client *client, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (client->owners[i] != client->owners[0]) {
            return false;
        }
    }
    return true;
}

/* The partition with most of the keys, or the lowest of those. */
static kv_group_id client_majority(const struct client *client, uint32_t count)
{
    uint32_t keys[KV_GROUPS_MAX] = {0};
    uint16_t best = 0;
    for (uint32_t i = 0; i < count; i++) {
        keys[client->owners[i]]++;
    }
    for (uint16_t group = 1; group < KV_GROUPS_MAX; group++) {
        best = keys[group] > keys[best] ? group : best;
    }
    return (kv_group_id){best};
}

/* ---- Attempts ---- */

void client_route_alone(struct client_operation *operation, kv_group_id group)
{
    operation->destinations = kv_group_set_of(group);
    operation->recoded = false;
    operation->exec = false;
}

/* Leave out the keys that have a final verdict. */
static void client_keep_pending(const struct client_operation *operation,
                                struct wire_command *command)
{
    const struct client_verdicts *verdicts = operation->verdicts;
    const uint32_t values = command->value_count / command->key_count;
    uint32_t kept = 0;
    KV_ASSERT(verdicts->count == command->key_count && values <= 1);
    for (uint32_t i = 0; i < verdicts->count; i++) {
        if (!client_verdict_is_final(verdicts->places[i].verdict)) {
            command->keys[kept] = command->keys[i];
            command->values[kept] = command->values[i];
            kept++;
        }
    }
    KV_ASSERT(kept > 0);
    command->key_count = kept;
    command->value_count = kept * values;
}

/* Who executes a command on keys of several partitions. */
static void client_apply_policy(const struct client *client,
                                const struct client_operation *operation,
                                struct wire_command *command)
{
    if (!wire_op_is_access(command->op) || wire_command_has_token(command) ||
        operation->policy == WIRE_POLICY_EXCHANGE ||
        client_is_one_owner(client, command->key_count)) {
        return;
    }
    command->policy = operation->policy;
    command->target = operation->target.value != 0 ? operation->target
                                                   : client_majority(client, command->key_count);
}

/* The attempt of client->command, whose owners are found. False: it cannot be, and the operation has ended. */
static bool client_route_over(struct client *client, struct client_operation *operation)
{
    struct wire_command *command = &client->command;
    client_apply_policy(client, operation, command);
    command->exec = operation->exec;
    command->owner_count = operation->exec ? 0 : command->key_count;
    memcpy(command->owners, client->owners, command->owner_count);
    operation->destinations = wire_command_destinations(command, client->partitions);
    if (kv_group_set_count(operation->destinations) == 1) {
        command->owner_count = 0;
    }
    if (wire_command_has_token(command) && !operation->exec &&
        kv_group_set_has(operation->destinations, KV_GROUP_ORACLE)) {
        client_fail(client, operation, CLIENT_REFUSED,
                    "a locked key that is away from home keeps its place until it is unlocked");
        return false;
    }
    KV_ASSERT(wire_command_fits(command, operation->destinations, /*execution*/ false,
                                client->partitions));
    operation->recoded = operation->exec || command->owner_count > 0 || operation->verdicts != NULL;
    if (operation->recoded) {
        kv_buffer_clear(&operation->body);
        wire_command_encode(command, &operation->body);
    }
    if (operation->exec) {
        client->counters.execs++;
    }
    const uint64_t partitions =
        operation->destinations.bits & ~kv_group_set_of(KV_GROUP_ORACLE).bits;
    if (kv_group_set_count((kv_group_set){partitions}) > 1 && !operation->several) {
        operation->several = true;
        client->counters.multi_partition++;
    }
    return true;
}

/* Everything else than a command of one partition that goes there as it is. */
static bool client_route_keys(struct client *client, struct client_operation *operation)
{
    struct wire_command *command = client_decode(client, kv_buffer_slice(&operation->command));
    if (operation->verdicts != NULL) {
        client_keep_pending(operation, command);
    }
    client_find_owners(client, command);
    return client_route_over(client, operation);
}

/* A target that a map without so many partitions could not refuse when it was submitted. */
static bool client_is_target_known(const struct client *client,
                                   const struct client_operation *operation,
                                   const struct wire_command *command)
{
    const bool chosen = operation->choice != CLIENT_TARGET_GIVEN;
    return operation->target.value <= client->partitions &&
           (chosen || command->target.value <= client->partitions);
}

void client_route(struct client *client, struct client_operation *operation,
                  const struct wire_command *command)
{
    KV_ASSERT(client->map_known);
    if (operation->op == WIRE_OP_SCAN) {
        client_scan_start(client, operation);
        return;
    }
    if (!client_is_target_known(client, operation, command)) {
        client_fail(client, operation, CLIENT_REFUSED, "there is no such partition");
        return;
    }
    if (operation->choice == CLIENT_TARGET_HOME) {
        client_fix_target(client, operation, wire_home_of(command->keys[0], client->partitions));
    } else if (operation->choice == CLIENT_TARGET_LEAST_LOADED &&
               !client_loads_choose(client, operation)) {
        return; /* it waits for the oracle's word */
    }
    if (wire_command_goes_to_all(command)) {
        operation->destinations = wire_command_destinations(command, client->partitions);
        operation->recoded = false;
        operation->exec = false;
    } else if (operation->exec || operation->op == WIRE_OP_TXN || operation->op == WIRE_OP_LOCK ||
               wire_op_is_per_key(operation->op)) {
        if (!client_route_keys(client, operation)) {
            return;
        }
    } else if (wire_op_is_access(operation->op)) {
        client_find_owners(client, command);
        if (client_is_one_owner(client, command->key_count)) {
            client_route_alone(operation, (kv_group_id){client->owners[0]});
        } else {
            (void)client_decode(client, kv_buffer_slice(&operation->command));
            if (!client_route_over(client, operation)) {
                return;
            }
        }
    } else {
        client_route_alone(operation, KV_GROUP_ORACLE); /* it asks what only the oracle knows */
    }
    client_start(client, operation);
}

/* How the attempt is to be served. A TXN is ordered also if it only reads (protocol/messages.md). */
static enum wire_request_mode client_mode_of(const struct client_operation *operation)
{
    if (!operation->read_only || operation->in_order || operation->op == WIRE_OP_TXN ||
        !client_is_alone(operation)) {
        return WIRE_REQUEST_ORDERED;
    }
    return operation->stale_ok ? WIRE_REQUEST_STALE : WIRE_REQUEST_READ;
}

void client_start(struct client *client, struct client_operation *operation)
{
    operation->mode = client_mode_of(operation);
    if (client_is_ordered(operation)) {
        if (operation->session != NULL) {
            client_launch(client, operation);
            return;
        }
        client_wait(operation, &client->waiting_session);
        client_wake_at(client, operation->deadline);
        client_pump(client);
        return;
    }
    if (operation->session != NULL) {
        client_settle(client, operation); /* it had a NO, and goes on as a read without a session */
    }
    operation->id =
        (kv_message_id){.sequence = (client->read_count++ << CLIENT_POOL_BITS | operation->place) &
                                    ~CLIENT_NONCE_BIT};
    client_launch(client, operation);
}
