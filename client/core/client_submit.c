/* SPDX-License-Identifier: Apache-2.0 */
/* client_submit: how operations of the user begin.
 *
 * The command is kept as it was submitted: each attempt is routed from it anew. What is refused is refused before anything
 * has changed, or as soon as the map tells that it must be. */
#include "client/core/client_internal.h"

/* Whether this may be the target of a command, as far as the map tells. */
static bool client_may_be_target(const struct client *client, kv_group_id group)
{
    return !client->map_known || group.value <= client->partitions;
}

static enum client_target_choice client_choice_of(const struct client_submit *submit)
{
    if (submit->command->op != WIRE_OP_CREATE || submit->command->target.value != 0) {
        return CLIENT_TARGET_GIVEN;
    }
    return submit->least_loaded ? CLIENT_TARGET_LEAST_LOADED : CLIENT_TARGET_HOME;
}

static bool client_is_submit_valid(const struct client *client, const struct client_submit *submit)
{
    const struct wire_command *command = submit->command;
    const bool creates = command->op == WIRE_OP_CREATE;
    if (submit->least_loaded && (!creates || command->target.value != 0)) {
        return false;
    }
    if (command->op == WIRE_OP_MOVE && command->target.value == 0) {
        return false;
    }
    if (creates && client_choice_of(submit) == CLIENT_TARGET_HOME && command->key_count != 1) {
        return false; /* their homes differ, and a command has one target */
    }
    return client_may_be_target(client, command->target) &&
           (submit->target.value == 0 || client_may_be_target(client, submit->target));
}

static enum status client_ignore_submit(const struct client *client,
                                        const struct client_submit *submit)
{
    if (client->closed) {
        return STATUS_UNAVAILABLE;
    }
    const uint32_t more = submit->command->op == WIRE_OP_KEEPALIVE ? CLIENT_RENEWALS_MAX : 0;
    if (client->outstanding >= client->outstanding_max + more) {
        return STATUS_FULL;
    }
    if (submit->command->op == WIRE_OP_SCAN) {
        return client->parts + client->partitions > CLIENT_PARTS_MAX ? STATUS_FULL : STATUS_OK;
    }
    return client_is_submit_valid(client, submit) ? STATUS_OK : STATUS_INVALID;
}

/* A TXN that only asks changes nothing either; `uses` may not have been filled by the caller. */
static bool client_only_reads(const struct wire_command *command)
{
    if (command->op != WIRE_OP_TXN) {
        return wire_op_is_read_only(command->op);
    }
    const uint32_t count = command->guard_count + command->branch_count[WIRE_BRANCH_THEN] +
                           command->branch_count[WIRE_BRANCH_ELSE];
    for (uint32_t i = 0; i < count; i++) {
        if (!wire_step_is_guard(command->steps[i].kind) &&
            command->steps[i].kind != WIRE_STEP_GET) {
            return false;
        }
    }
    return true;
}

/* Encode the command. A CREATE whose target is still to be chosen gets one that will be replaced:
 * without any it has no form. */
static void client_keep_command(struct client *client, struct client_operation *operation,
                                const struct wire_command *command)
{
    if (operation->choice == CLIENT_TARGET_GIVEN) {
        wire_command_encode(command, &operation->command);
        return;
    }
    struct wire_command *copy = &client->command;
    wire_command_begin(copy, WIRE_OP_CREATE);
    copy->target.value = 1;
    copy->key_count = command->key_count;
    copy->value_count = command->value_count;
    for (uint32_t i = 0; i < command->key_count; i++) {
        copy->keys[i] = command->keys[i];
        copy->values[i] = command->values[i];
    }
    wire_command_encode(copy, &operation->command);
}

static enum wire_policy client_policy_of(const struct client *client,
                                         const struct client_submit *submit)
{
    switch (submit->policy) {
    case CLIENT_POLICY_DEFAULT:
        return client->policy;
    case CLIENT_POLICY_EXCHANGE:
        return WIRE_POLICY_EXCHANGE;
    case CLIENT_POLICY_MOVE:
        return WIRE_POLICY_MOVE;
    case CLIENT_POLICY_BORROW:
        return WIRE_POLICY_BORROW;
    }
    KV_UNREACHABLE();
}

enum status client_on_submit(struct client *client, const struct client_submit *submit)
{
    const struct wire_command *command = submit->command;
    const enum status status = client_ignore_submit(client, submit);
    if (status != STATUS_OK) {
        return status;
    }
    KV_ASSERT(command->op != WIRE_OP_SESSION_OPEN &&
              (command->op != WIRE_OP_SESSION_CLOSE || wire_command_has_token(command)));
    KV_ASSERT(!command->exec && command->owner_count == 0);
    KV_ASSERT(command->policy == WIRE_POLICY_EXCHANGE);

    struct client_operation *operation =
        client_acquire(client, command->op == WIRE_OP_SCAN ? CLIENT_ROLE_SCAN : CLIENT_ROLE_USER);
    operation->choice = client_choice_of(submit);
    client_keep_command(client, operation, command);
    if (operation->command.size + command->key_count + CLIENT_PLACEMENT_BYTES_MAX >
        KV_BODY_BYTES_MAX) {
        TAILQ_INSERT_HEAD(&client->free_operations, operation, link); /* it was never used */
        return STATUS_TOO_LARGE;
    }
    operation->context = submit->context;
    operation->op = command->op;
    operation->in_order = wire_command_has_token(command) || command->no_wait;
    operation->read_only = client_only_reads(command);
    operation->stale_ok = submit->stale_ok;
    operation->policy = client_policy_of(client, submit);
    operation->target = submit->target;
    operation->deadline = submit->deadline;
    client->outstanding++;
    client->counters.submitted++;
    client_wake_at(client, operation->deadline);

    if (client->map_known && !kv_instant_reached(operation->deadline, client->now)) {
        client_route(client, operation, command);
    } else {
        client_wait(operation, &client->waiting_map);
    }
    return STATUS_OK;
}
