/* SPDX-License-Identifier: Apache-2.0 */
/* kv_result: answers as callers see them.
 *
 * 1. A callback gets the client's one result, whose rows point into the frame that has just come:
 *    nothing is copied.
 * 2. A kept result is one piece of memory: the struct, its rows, their bytes. */
#include <string.h>

#include "client/lib/kv_internal.h"

static kv_status kv_status_of_verdict(enum wire_verdict verdict)
{
    switch (verdict) {
    case WIRE_VERDICT_OK:
        return KV_OK;
    case WIRE_VERDICT_NOT_FOUND:
        return KV_NOT_FOUND;
    case WIRE_VERDICT_EXISTS:
        return KV_EXISTS;
    case WIRE_VERDICT_MISMATCH:
        return KV_MISMATCH;
    case WIRE_VERDICT_NOT_A_NUMBER:
        return KV_NOT_A_NUMBER;
    case WIRE_VERDICT_OVERFLOW:
        return KV_OVERFLOW;
    case WIRE_VERDICT_TOO_LARGE:
        return KV_TOO_LARGE;
    case WIRE_VERDICT_LOCKED:
        return KV_LOCKED;
    case WIRE_VERDICT_LOCK_LOST:
        return KV_LOCK_LOST;
    case WIRE_VERDICT_SESSION_ENDED:
        return KV_SESSION_ENDED;
    case WIRE_VERDICT_STALE:
    case WIRE_VERDICT_PINNED:
    case WIRE_VERDICT_DEFERRED:
    case WIRE_VERDICT_REFUSED:
    case WIRE_VERDICT_SESSION_UNKNOWN:
    case WIRE_VERDICT_UNSUPPORTED:
        return KV_PROTOCOL; /* the core completes with none of them; of one key among several a node may claim anything */
    }
    KV_UNREACHABLE();
}

static kv_status kv_status_of(const struct client_completion *completion)
{
    switch (completion->result) {
    case CLIENT_ANSWERED:
        return kv_status_of_verdict(completion->answer->verdict);
    case CLIENT_UNAVAILABLE:
        return KV_UNAVAILABLE;
    case CLIENT_NO_SPACE:
        return KV_NO_SPACE;
    case CLIENT_IN_DOUBT:
        return KV_IN_DOUBT;
    case CLIENT_REFUSED:
        return KV_REFUSED;
    case CLIENT_CLOSED:
        return KV_CLOSED;
    case CLIENT_PROTOCOL:
        return KV_PROTOCOL;
    }
    KV_UNREACHABLE();
}

/* One for each key, in the caller's order. */
static void kv_make_places(kv_client *client, const struct kv_call *call,
                           const struct wire_answer *answer)
{
    client->result.places = client->places;
    if (!call->each && call->place_of != NULL) {
        return; /* MGET and MPUT have none for their callers */
    }
    client->result.place_count = answer->place_count;
    for (uint32_t i = 0; i < answer->place_count; i++) {
        const uint32_t at = call->place_of == NULL ? i : call->place_of[i];
        const struct wire_place *place = &answer->places[at];
        client->places[i] = (kv_place){.status = kv_status_of_verdict(place->verdict),
                                       .partition = place->group.value,
                                       .version = place->version.clock.value};
    }
}

/* One for each key of an MGET, in the caller's order. */
static void kv_make_rows(kv_client *client, const struct kv_call *call,
                         const struct wire_answer *answer)
{
    if (call->place_of == NULL || answer->row_count == 0) {
        return;
    }
    for (uint32_t i = 0; i < call->key_count; i++) {
        client->rows[i] = answer->rows[call->place_of[i]];
    }
    client->result.rows = client->rows;
    client->result.count = call->key_count;
}

/* Of an operation on keys that are each on their own: that of the first one that failed. */
static kv_status kv_status_of_each(const kv_client *client, kv_status status)
{
    for (uint32_t i = 0; i < client->result.place_count && status == KV_OK; i++) {
        status = client->places[i].status;
    }
    return status;
}

void kv_complete(kv_client *client, const struct client_completion *completion)
{
    struct kv_call *call = completion->context;
    const struct kv_call called = *call;
    kv_status status = kv_status_of(completion);
    kv_result *result = NULL;
    client->completed++;
    if (completion->result == CLIENT_ANSWERED) {
        const struct wire_answer *answer = completion->answer;
        result = &client->result;
        *result = (struct kv_result){
            .count = answer->row_count,
            .more = answer->more,
            .number = answer->number,
            .group = completion->group.value,
            .index = completion->index.value,
            .timestamp = completion->timestamp.clock.value,
            .timestamp_group = completion->timestamp.group.value,
            .attempts = completion->attempts,
            .partitions = completion->partitions,
            .via_oracle = completion->via_oracle,
            .rows = answer->rows,
        };
        kv_make_places(client, call, answer);
        kv_make_rows(client, call, answer);
        status = call->each ? kv_status_of_each(client, status) : status;
    } else {
        kv_set_error(client, "%s (%u sendings)", completion->why, completion->attempts);
    }
    kv_call_free(client, call);
    if (called.done != NULL) {
        client->in_callback = true;
        called.done(called.context, status, result);
        client->in_callback = false;
    }
}

static uint8_t *kv_copy_bytes(uint8_t *at, kv_slice *bytes)
{
    if (bytes->size > 0) {
        memcpy(at, bytes->data, bytes->size);
    }
    bytes->data = at;
    return at + bytes->size;
}

kv_result *kv_result_keep(kv_result *result)
{
    if (result == NULL) {
        return NULL;
    }
    size_t size = sizeof *result + result->count * sizeof *result->rows +
                  result->place_count * sizeof *result->places;
    for (uint32_t i = 0; i < result->count; i++) {
        size += result->rows[i].key.size + result->rows[i].value.size;
    }
    kv_result *kept = kv_alloc(size);
    struct wire_row *rows = (struct wire_row *)(kept + 1);
    kv_place *places = (kv_place *)(rows + result->count);
    uint8_t *bytes = (uint8_t *)(places + result->place_count);
    *kept = *result;
    kept->rows = rows;
    kept->places = places;
    if (result->place_count > 0) {
        memcpy(places, result->places, result->place_count * sizeof *places);
    }
    for (uint32_t i = 0; i < result->count; i++) {
        rows[i] = result->rows[i];
        bytes = kv_copy_bytes(bytes, &rows[i].key);
        bytes = kv_copy_bytes(bytes, &rows[i].value);
    }
    return kept;
}

void kv_result_free(kv_result *result)
{
    kv_free(result);
}

uint32_t kv_result_count(const kv_result *result)
{
    return result == NULL ? 0 : result->count;
}

bool kv_result_present(const kv_result *result, uint32_t row)
{
    return row < kv_result_count(result) && result->rows[row].present;
}

kv_bytes kv_result_key(const kv_result *result, uint32_t row)
{
    if (row >= kv_result_count(result)) {
        return kv_bytes_of(NULL, 0);
    }
    return kv_bytes_of(result->rows[row].key.data, result->rows[row].key.size);
}

kv_bytes kv_result_value(const kv_result *result, uint32_t row)
{
    if (row >= kv_result_count(result)) {
        return kv_bytes_of(NULL, 0);
    }
    return kv_bytes_of(result->rows[row].value.data, result->rows[row].value.size);
}

int64_t kv_result_number(const kv_result *result)
{
    return result == NULL ? 0 : result->number;
}
bool kv_result_more(const kv_result *result)
{
    return result != NULL && result->more;
}
uint32_t kv_result_group(const kv_result *result)
{
    return result == NULL ? 0 : result->group;
}
uint64_t kv_result_index(const kv_result *result)
{
    return result == NULL ? 0 : result->index;
}
kv_token kv_result_token(const kv_result *result)
{
    return result == NULL
               ? (kv_token){0}
               : (kv_token){.clock = result->timestamp, .group = result->timestamp_group};
}

uint64_t kv_result_timestamp(const kv_result *result)
{
    return result == NULL ? 0 : result->timestamp;
}
uint32_t kv_result_attempts(const kv_result *result)
{
    return result == NULL ? 0 : result->attempts;
}
uint32_t kv_result_partitions(const kv_result *result)
{
    return result == NULL ? 0 : result->partitions;
}
bool kv_result_via_oracle(const kv_result *result)
{
    return result != NULL && result->via_oracle;
}
uint32_t kv_result_places(const kv_result *result)
{
    return result == NULL ? 0 : result->place_count;
}
kv_place kv_result_place(const kv_result *result, uint32_t i)
{
    if (i >= kv_result_places(result)) {
        return (kv_place){.status = KV_INVALID};
    }
    return result->places[i];
}
