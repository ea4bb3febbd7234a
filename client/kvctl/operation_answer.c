/* SPDX-License-Identifier: Apache-2.0 */
/* operation_answer: kv_result to JSON answers. */
#include <stdio.h>
#include <string.h>

#include "client/kvctl/operation.h"

const char *kvctl_outcome(kv_op_code code, kv_status status)
{
    if (status == KV_OK) {
        return "ok";
    }
    return kvctl_is_write(code) && kv_status_in_doubt(status) ? "in_doubt" : "failed";
}

/* Values, or [key, value] for each row; null for what is not there. */
static json_t *rows_json(bool pairs, const kv_result *result, enum kvctl_encoding encoding)
{
    json_t *rows = json_array();
    for (uint32_t i = 0; i < kv_result_count(result); i++) {
        json_t *value = kv_result_present(result, i)
                            ? kvctl_bytes_json(encoding, kv_result_value(result, i))
                            : json_null();
        if (pairs) {
            json_t *pair = json_array();
            json_array_append_new(pair, kvctl_bytes_json(encoding, kv_result_key(result, i)));
            json_array_append_new(pair, value);
            value = pair;
        }
        json_array_append_new(rows, value);
    }
    return rows;
}

static json_t *timestamp_json(uint64_t timestamp)
{
    return kvctl_text_json("%llu", (unsigned long long)timestamp);
}

/* What the oracle says of each key. That a key lives away from home shows that it exists; of one at
 * home the oracle cannot know. */
static json_t *where_json(const kv_result *result)
{
    json_t *keys = json_array();
    for (uint32_t i = 0; i < kv_result_places(result); i++) {
        const kv_place place = kv_result_place(result, i);
        const bool placed = place.version != 0;
        json_t *key = json_object();
        json_object_set_new(key, "partition", json_integer(place.partition));
        json_object_set_new(key, "placed", json_boolean(placed));
        json_object_set_new(key, "exists", placed ? json_true() : json_null());
        json_object_set_new(key, "since", placed ? timestamp_json(place.version) : json_null());
        json_array_append_new(keys, key);
    }
    return keys;
}

/* A short text as a string; longer ones are cut. */
static void text_of(kv_bytes bytes, char text[32])
{
    snprintf(text, 32, "%.*s", (int)(bytes.size < 31 ? bytes.size : 31),
             bytes.size == 0 ? "" : (const char *)bytes.data);
}

static json_t *partitions_json(const kv_result *result)
{
    json_t *partitions = json_array();
    for (uint32_t i = 0; i < kv_result_count(result); i++) {
        char number[32], placed[32];
        uint64_t parsed = 0;
        json_t *partition = json_object();
        text_of(kv_result_key(result, i), number);
        text_of(kv_result_value(result, i), placed);
        kvctl_number_parse(number, UINT32_MAX, &parsed);
        json_object_set_new(partition, "partition", json_integer((json_int_t)parsed));
        kvctl_number_parse(placed, INT64_MAX, &parsed);
        json_object_set_new(partition, "placed", json_integer((json_int_t)parsed));
        json_array_append_new(partitions, partition);
    }
    return partitions;
}

/* "create 2", "move 1 2", "delete 2" as fields. */
static void set_change(json_t *json, const char *text)
{
    unsigned first = 0, second = 0;
    char word[16] = "";
    const int count = sscanf(text, "%15s %u %u", word, &first, &second);
    const bool created = strcmp(word, "create") == 0;
    json_object_set_new(json, "change", json_string(word));
    json_object_set_new(json, "from", created ? json_null() : json_integer(first));
    json_object_set_new(json, "to",
                        created      ? json_integer(first)
                        : count == 3 ? json_integer(second)
                                     : json_null());
}

static json_t *history_json(const kv_result *result, enum kvctl_encoding encoding)
{
    json_t *changes = json_array();
    for (uint32_t i = 0; i < kv_result_count(result); i++) {
        char text[32];
        json_t *change = json_object();
        text_of(kv_result_value(result, i), text);
        json_object_set_new(change, "key", kvctl_bytes_json(encoding, kv_result_key(result, i)));
        set_change(change, text);
        json_object_set_new(change, "timestamp",
                            timestamp_json(kv_result_place(result, i).version));
        json_array_append_new(changes, change);
    }
    return changes;
}

static json_t *verdicts_json(const kv_result *result)
{
    json_t *verdicts = json_array();
    for (uint32_t i = 0; i < kv_result_places(result); i++) {
        const kv_place place = kv_result_place(result, i);
        json_t *verdict = json_object();
        json_object_set_new(verdict, "status",
                            json_string(place.status == KV_OK ? "ok" : "failed"));
        if (place.status != KV_OK) {
            json_object_set_new(verdict, "error", json_string(kv_status_name(place.status)));
        } else if (place.partition != 0) {
            json_object_set_new(verdict, "partition", json_integer(place.partition));
        }
        json_array_append_new(verdicts, verdict);
    }
    return verdicts;
}

static json_t *result_json(kv_op_code code, const kv_result *result, enum kvctl_encoding encoding)
{
    switch (code) {
    case KV_OP_GET:
        return kv_result_count(result) > 0 && kv_result_present(result, 0)
                   ? kvctl_bytes_json(encoding, kv_result_value(result, 0))
                   : json_null();
    case KV_OP_INCR:
        return result == NULL ? json_null() : json_integer(kv_result_number(result));
    case KV_OP_MGET:
    case KV_OP_SCAN:
        return rows_json(code == KV_OP_SCAN, result, encoding);
    case KV_OP_WHERE:
        return where_json(result);
    case KV_OP_PARTITIONS:
        return partitions_json(result);
    case KV_OP_HISTORY:
        return history_json(result, encoding);
    case KV_OP_TXN:
    case KV_OP_PUT:
    case KV_OP_PUT_IF_ABSENT:
    case KV_OP_DELETE:
    case KV_OP_CAS:
    case KV_OP_APPEND:
    case KV_OP_MPUT:
    case KV_OP_CREATE:
    case KV_OP_MOVE:
    case KV_OP_MARK:
    case KV_OP_LOCK:
    case KV_OP_UNLOCK:
    case KV_OP_KEEPALIVE:
    case KV_OP_LOCKS:
    case KV_OP_SESSION:
    case KV_OP_SESSIONS:
    case KV_OP_CLIENT_END:
        return json_true();
    }
    return json_null();
}

/* What some operations have beside the result. */
static void set_more(json_t *json, kv_op_code code, kv_status status, const kv_result *result,
                     enum kvctl_encoding encoding)
{
    if ((status == KV_MISMATCH || status == KV_EXISTS) && kv_result_count(result) > 0 &&
        kv_result_present(result, 0)) {
        json_object_set_new(json, "present",
                            kvctl_bytes_json(encoding, kv_result_value(result, 0)));
    }
    if ((code == KV_OP_SCAN || code == KV_OP_HISTORY) && status == KV_OK) {
        json_object_set_new(json, "more", json_boolean(kv_result_more(result)));
    }
    if (code == KV_OP_TXN && status == KV_OK) {
        json_object_set_new(json, "guards_held", json_boolean(kv_result_number(result) != 0));
        json_object_set_new(json, "rows", rows_json(true, result, encoding));
    }
    if (code == KV_OP_CREATE || code == KV_OP_DELETE || code == KV_OP_MOVE) {
        json_object_set_new(json, "verdicts", verdicts_json(result));
    }
}

json_t *kvctl_answer_json(kv_op_code code, kv_status status, const kv_result *result,
                          enum kvctl_encoding encoding, bool present_or_null)
{
    const bool absent = present_or_null && code == KV_OP_GET && status == KV_NOT_FOUND;
    const bool ok = status == KV_OK || absent;
    json_t *json = json_object();
    json_object_set_new(json, "op", json_string(kvctl_op_name(code)));
    json_object_set_new(json, "status", json_string(ok ? "ok" : kvctl_outcome(code, status)));
    json_object_set_new(json, "result",
                        status == KV_OK && (result != NULL || kvctl_is_write(code))
                            ? result_json(code, result, encoding)
                            : json_null());
    if (!ok) {
        json_object_set_new(json, "error", json_string(kv_status_name(status)));
        json_object_set_new(json, "text", json_string(kv_status_text(status)));
    }
    if (result == NULL) {
        json_object_set_new(json, "group", json_integer(0));
        json_object_set_new(json, "index", json_integer(0));
        return json;
    }
    set_more(json, code, status, result, encoding);
    json_object_set_new(json, "group", json_integer(kv_result_group(result)));
    json_object_set_new(json, "index", json_integer((json_int_t)kv_result_index(result)));
    if (kv_result_timestamp(result) != 0) {
        json_object_set_new(json, "timestamp", timestamp_json(kv_result_timestamp(result)));
    }
    return json;
}

json_t *kvctl_bad_request_json(const char *error)
{
    json_t *json = json_object();
    json_object_set_new(json, "status", json_string("failed"));
    json_object_set_new(json, "result", json_null());
    json_object_set_new(json, "error", json_string("BAD_REQUEST"));
    json_t *text = json_string(error); /* NULL if jansson cut a character in its own text */
    json_object_set_new(json, "text", text == NULL ? json_string("not a request") : text);
    return json;
}
