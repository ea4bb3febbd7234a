/* SPDX-License-Identifier: Apache-2.0 */
/* client_learn: what answers teach about where keys are.
 *
 * 1. An OK says it for sure: the command was there. What a NO says, or the oracle's map, is a hint of some age: it counts if
 *    it is newer than what is known.
 * 2. A place that was tried in vain is forgotten if the NO does not say a better one: home knows the way.
 * 3. Nothing here can do harm. What makes no sense (a key that the command does not have, a partition that does not exist) is
 *    passed over. */
#include "client/core/client_internal.h"

static bool client_is_sensible(const struct client *client, const struct wire_command *command,
                               const struct wire_place *place)
{
    return place->key < command->key_count && place->group.value <= client->partitions;
}

/* At home, for all that is known: needs no entry. */
static bool client_is_home(const struct client *client, kv_slice key,
                           const struct wire_place *place)
{
    return place->version.clock.value == 0 && place->version.group.value == 0 &&
           kv_group_equal(place->group, wire_home_of(key, client->partitions));
}

static void client_learn_sure(struct client *client, kv_slice key, const struct wire_place *place)
{
    if (place->group.value == 0 || client_is_home(client, key, place)) {
        client_places_drop(&client->places, key);
    } else {
        client_places_set(&client->places, key,
                          (struct client_place){place->group, place->version});
    }
}

/* True: it told something. */
static bool client_learn_hint(struct client *client, kv_slice key, const struct wire_place *place)
{
    if (place->group.value == 0) {
        return false;
    }
    if (client_is_home(client, key, place)) {
        client_places_drop(&client->places, key);
        return true;
    }
    return client_places_hear(&client->places, key,
                              (struct client_place){place->group, place->version});
}

/* The owner that the attempt named is not the one, and came from the places: forget it. */
static bool client_unlearn(struct client *client, const struct client_operation *operation,
                           const struct wire_command *command, uint32_t i)
{
    struct client_place known;
    const kv_group_id named = wire_command_owner(command, i, operation->destinations);
    if (!client_places_look(&client->places, command->keys[i], &known) ||
        !kv_group_equal(known.group, named)) {
        return false; /* home was named; or something better has been heard since */
    }
    client_places_drop(&client->places, command->keys[i]);
    return true;
}

void client_learn_no(struct client *client, const struct client_operation *operation)
{
    const struct wire_answer *answer = &client->answer;
    const struct wire_command *command = client_decode(client, client_body_of(operation));
    bool told[KV_COMMAND_KEYS_MAX] = {false};
    bool taught = false;
    for (uint32_t i = 0; i < answer->place_count; i++) {
        const struct wire_place *place = &answer->places[i];
        if (client_is_sensible(client, command, place)) {
            told[place->key] = client_learn_hint(client, command->keys[place->key], place) ||
                               place->verdict != WIRE_VERDICT_STALE;
            taught = taught || told[place->key];
        }
    }
    if (answer->verdict != WIRE_VERDICT_STALE || operation->exec) {
        return; /* nothing was said about those that it does not name, or no owners were named */
    }
    for (uint32_t i = 0; i < command->key_count; i++) {
        taught = (!told[i] && client_unlearn(client, operation, command, i)) || taught;
    }
    if (!taught) {
        client_refresh(client); /* then it may be the map that is out of date */
    }
}

void client_learn_verdicts(struct client *client, const struct client_operation *operation)
{
    const struct wire_answer *answer = &client->answer;
    const struct wire_command *command = client_decode(client, client_body_of(operation));
    for (uint32_t i = 0; i < answer->place_count; i++) {
        const struct wire_place *place = &answer->places[i];
        if (!client_is_sensible(client, command, place)) {
            continue;
        }
        const kv_slice key = command->keys[place->key];
        if (place->verdict == WIRE_VERDICT_OK && operation->op == WIRE_OP_DELETE) {
            client_places_drop(&client->places, key);
        } else if (place->verdict == WIRE_VERDICT_OK) {
            client_learn_sure(client, key, place);
        } else if (!client_learn_hint(client, key, place) && place->verdict == WIRE_VERDICT_STALE &&
                   !operation->exec) {
            (void)client_unlearn(client, operation, command, place->key);
        }
    }
}

void client_learn_yes(struct client *client, const struct client_operation *operation)
{
    const struct wire_answer *answer = &client->answer;
    if (answer->place_count == 0 || operation->op == WIRE_OP_HISTORY) {
        return; /* the rows of a history have the keys of others */
    }
    const struct wire_command *command = client_decode(client, client_body_of(operation));
    for (uint32_t i = 0; i < answer->place_count; i++) {
        const struct wire_place *place = &answer->places[i];
        if (!client_is_sensible(client, command, place)) {
            continue;
        }
        const kv_slice key = command->keys[place->key];
        if (answer->verdict != WIRE_VERDICT_OK || place->verdict != WIRE_VERDICT_OK ||
            operation->op == WIRE_OP_WHERE) {
            (void)client_learn_hint(client, key, place);
        } else {
            client_learn_sure(client, key, place);
        }
    }
}

void client_learn_late(struct client *client, const struct client_operation *operation)
{
    const struct wire_answer *answer = &client->answer;
    if (operation->verdicts != NULL || answer->place_count == 0) {
        return; /* which of the keys an older attempt had is not remembered */
    }
    const struct wire_command *command =
        client_decode(client, kv_buffer_slice(&operation->command));
    for (uint32_t i = 0; i < answer->place_count; i++) {
        const struct wire_place *place = &answer->places[i];
        /* "At home" without a version is of unknown age, and what has been learnt since is younger. */
        if (client_is_sensible(client, command, place) &&
            !client_is_home(client, command->keys[place->key], place)) {
            (void)client_learn_hint(client, command->keys[place->key], place);
        }
    }
}
