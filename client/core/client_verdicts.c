/* SPDX-License-Identifier: Apache-2.0 */
/* client_verdicts: CREATE, DELETE and MOVE, which have a verdict for each key.
 *
 * 1. An answer with a place for each key of the attempt is definitive for all of them: those with a final verdict are done,
 *    the others make up the next attempt.
 * 2. An answer with one verdict and no places speaks for all of its keys, if it can. That of the only key is the worse of the
 *    two that it has then.
 * 3. An operation that is answered at once needs no memory for verdicts; one that goes on keeps them until its last key. */
#include "client/core/client_internal.h"

#include <string.h>

bool client_verdict_is_final(enum wire_verdict verdict)
{
    switch (verdict) {
    case WIRE_VERDICT_OK:
    case WIRE_VERDICT_NOT_FOUND:
    case WIRE_VERDICT_EXISTS:
    case WIRE_VERDICT_MISMATCH:
    case WIRE_VERDICT_NOT_A_NUMBER:
    case WIRE_VERDICT_OVERFLOW:
    case WIRE_VERDICT_TOO_LARGE:
    case WIRE_VERDICT_LOCKED:
    case WIRE_VERDICT_LOCK_LOST:
    case WIRE_VERDICT_SESSION_ENDED:
        return true;
    case WIRE_VERDICT_STALE:
    case WIRE_VERDICT_PINNED:
    case WIRE_VERDICT_DEFERRED:
    case WIRE_VERDICT_REFUSED:
    case WIRE_VERDICT_SESSION_UNKNOWN:
    case WIRE_VERDICT_UNSUPPORTED:
        return false;
    }
    KV_UNREACHABLE();
}

/* A verdict on the message as a whole, which no key can have. */
static bool client_verdict_is_of_message(enum wire_verdict verdict)
{
    return verdict == WIRE_VERDICT_REFUSED || verdict == WIRE_VERDICT_SESSION_UNKNOWN ||
           verdict == WIRE_VERDICT_UNSUPPORTED;
}

/* What client->answer says of the keys of an attempt. */
enum client_sense {
    CLIENT_SENSE_KEYS,  /* its places are complete, and in the order of the keys */
    CLIENT_SENSE_WHOLE, /* a NO to all of them */
    CLIENT_SENSE_NONE   /* nothing that could be understood */
};

/* Put the places into the order of the keys. False: some key has none, or more than one. */
static bool client_sort_places(struct wire_answer *answer)
{
    for (uint32_t i = 0; i < answer->place_count; i++) {
        while (answer->places[i].key != i) {
            const struct wire_place place = answer->places[i];
            if (place.key >= answer->place_count || answer->places[place.key].key == place.key) {
                return false;
            }
            answer->places[i] = answer->places[place.key];
            answer->places[place.key] = place;
        }
    }
    return true;
}

/* The same verdict for each key: of an answer without places. */
static void client_fill_places(struct wire_answer *answer, const struct wire_command *command)
{
    const bool ok = answer->verdict == WIRE_VERDICT_OK;
    answer->place_count = command->key_count;
    for (uint32_t i = 0; i < command->key_count; i++) {
        answer->places[i] = (struct wire_place){
            .key = i, .verdict = answer->verdict, .group = ok ? command->target : KV_GROUP_ORACLE};
    }
}

static enum client_sense client_make_sense(struct wire_answer *answer,
                                           const struct wire_command *command)
{
    const bool final = client_verdict_is_final(answer->verdict);
    if (answer->place_count == 0 && final) {
        const bool ambiguous = answer->verdict == WIRE_VERDICT_OK ||
                               answer->verdict == WIRE_VERDICT_NOT_FOUND ||
                               answer->verdict == WIRE_VERDICT_EXISTS; /* each key has its own */
        if (command->key_count > 1 && ambiguous) {
            return CLIENT_SENSE_NONE;
        }
        client_fill_places(answer, command);
        return CLIENT_SENSE_KEYS;
    }
    if (answer->place_count != command->key_count || !client_sort_places(answer)) {
        return final ? CLIENT_SENSE_NONE : CLIENT_SENSE_WHOLE;
    }
    if (answer->place_count == 1 && answer->verdict != WIRE_VERDICT_OK) {
        answer->places[0].verdict = answer->verdict;
    }
    for (uint32_t i = 0; i < answer->place_count; i++) {
        if (client_verdict_is_of_message(answer->places[i].verdict)) {
            return CLIENT_SENSE_NONE;
        }
    }
    return CLIENT_SENSE_KEYS;
}

/* What an attempt has brought. */
struct client_tally {
    uint32_t done, stale, pinned, deferred;
};

static struct client_tally client_count_keys(const struct wire_answer *answer)
{
    struct client_tally tally = {0};
    for (uint32_t i = 0; i < answer->place_count; i++) {
        const enum wire_verdict verdict = answer->places[i].verdict;
        tally.done += client_verdict_is_final(verdict);
        tally.stale += verdict == WIRE_VERDICT_STALE;
        tally.pinned += verdict == WIRE_VERDICT_PINNED;
        tally.deferred += verdict == WIRE_VERDICT_DEFERRED;
    }
    return tally;
}

/* Put the verdicts of this attempt, which had the keys that were not final, to the others. */
static void client_merge(struct client_operation *operation, const struct wire_answer *answer)
{
    struct client_verdicts *verdicts = operation->verdicts;
    if (verdicts == NULL) {
        verdicts = kv_alloc(sizeof *verdicts + answer->place_count * sizeof *verdicts->places);
        verdicts->count = answer->place_count;
        memcpy(verdicts->places, answer->places, answer->place_count * sizeof *verdicts->places);
        operation->verdicts = verdicts;
        return;
    }
    uint32_t next = 0;
    for (uint32_t i = 0; i < verdicts->count; i++) {
        if (!client_verdict_is_final(verdicts->places[i].verdict)) {
            KV_ASSERT(next < answer->place_count);
            verdicts->places[i] = answer->places[next++];
            verdicts->places[i].key = i;
        }
    }
    KV_ASSERT(next == answer->place_count);
}

/* Every key has its final verdict. */
static void client_verdicts_complete(struct client *client, struct client_operation *operation,
                                     const struct wire_reply *reply)
{
    struct wire_answer *answer = &client->answer;
    const struct client_verdicts *verdicts = operation->verdicts;
    if (verdicts != NULL) {
        answer->place_count = verdicts->count;
        memcpy(answer->places, verdicts->places, verdicts->count * sizeof *verdicts->places);
    }
    if (answer->place_count == 1) {
        answer->verdict = answer->places[0].verdict;
        answer->row_count = answer->row_count > 1 ? 1 : answer->row_count; /* EXISTS may show it */
    } else {
        answer->verdict = WIRE_VERDICT_OK;
        answer->row_count = 0;
    }
    answer->more = false;
    client_tell(client, operation, CLIENT_ANSWERED, reply, "");
    if (operation->session != NULL) {
        client_settle(client, operation);
    }
    client_release(client, operation);
}

static void client_verdicts_take(struct client *client, struct client_operation *operation,
                                 const struct wire_reply *reply)
{
    const struct wire_answer *answer = &client->answer;
    const struct client_tally tally = client_count_keys(answer);
    const uint32_t again = tally.stale + tally.pinned + tally.deferred;
    for (uint32_t i = 0; i < answer->place_count; i++) {
        operation->changed = operation->changed || answer->places[i].verdict == WIRE_VERDICT_OK;
    }
    client_resolve_all(operation);
    if (operation->verdicts != NULL || (again > 0 && answer->place_count > 1)) {
        client_merge(operation, answer);
    }
    if (again == 0) {
        client_verdicts_complete(client, operation, reply);
        return;
    }
    client->counters.stale += tally.stale > 0;
    client->counters.pinned += tally.pinned > 0;
    const bool idle = tally.done == 0 && tally.stale == 0; /* the same again would go in a circle */
    client_try_again(client, operation, tally.stale + tally.pinned > 0, tally.pinned > 0 || idle);
}

bool client_verdicts_on_answer(struct client *client, struct client_operation *operation,
                               const struct wire_reply *reply)
{
    if (operation->role != CLIENT_ROLE_USER || !wire_op_is_per_key(operation->op) ||
        client_verdict_is_of_message(client->answer.verdict)) {
        return false;
    }
    switch (client_make_sense(&client->answer, client_decode(client, client_body_of(operation)))) {
    case CLIENT_SENSE_WHOLE:
        return false;
    case CLIENT_SENSE_NONE:
        client_resolve_all(operation);
        client_fail(client, operation, CLIENT_PROTOCOL, "an answer could not be understood");
        return true;
    case CLIENT_SENSE_KEYS:
        client_learn_verdicts(client, operation);
        client_verdicts_take(client, operation, reply);
        return true;
    }
    KV_UNREACHABLE();
}
