/* SPDX-License-Identifier: Apache-2.0 */
/* operation: JSON requests to kv_op. */
#include "client/kvctl/operation_internal.h"

#include <string.h>

#include "multicast/base/limits.h"

/* X(CODE, "name") */
#define OP_NAME_MAP(X)                                                                             \
    X(GET, "get")                                                                                  \
    X(PUT, "put")                                                                                  \
    X(PUT_IF_ABSENT, "put_if_absent")                                                              \
    X(DELETE, "delete")                                                                            \
    X(CAS, "cas")                                                                                  \
    X(INCR, "incr")                                                                                \
    X(APPEND, "append")                                                                            \
    X(MGET, "mget")                                                                                \
    X(MPUT, "mput")                                                                                \
    X(SCAN, "scan")                                                                                \
    X(TXN, "txn")                                                                                  \
    X(CREATE, "create")                                                                            \
    X(MOVE, "move")                                                                                \
    X(WHERE, "where")                                                                              \
    X(PARTITIONS, "partitions")                                                                    \
    X(HISTORY, "history")

const char *kvctl_op_name(kv_op_code code)
{
    switch (code) {
#define X(name, text)                                                                              \
    case KV_OP_##name:                                                                             \
        return text;
        OP_NAME_MAP(X)
#undef X
    case KV_OP_MARK: /* a step of a backup: nothing to ask for by its name */
    case KV_OP_LOCK: /* by commands of their own */
    case KV_OP_UNLOCK:
    case KV_OP_KEEPALIVE:
    case KV_OP_LOCKS:
    case KV_OP_SESSION:
    case KV_OP_SESSIONS:
    case KV_OP_CLIENT_END:
        break;
    }
    return "";
}

static bool op_code_parse(const char *name, kv_op_code *ret)
{
#define X(symbol, text)                                                                            \
    if (strcmp(name, text) == 0) {                                                                 \
        *ret = KV_OP_##symbol;                                                                     \
        return true;                                                                               \
    }
    OP_NAME_MAP(X)
#undef X
    *ret = KV_OP_PUT_IF_ABSENT;
    return strcmp(name, "put-if-absent") == 0;
}

/* ---- Requests ---- */

/* jansson recurses for each bracket, so they are counted before it sees the line. */
static bool nesting_fits(const char *line, size_t size)
{
    unsigned open = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        const char c = line[i];
        if (in_string && c == '\\') {
            i++;
        } else if (c == '"') {
            in_string = !in_string;
        } else if (!in_string && (c == '{' || c == '[') && ++open > KVCTL_NESTING_MAX) {
            return false;
        } else if (!in_string && (c == '}' || c == ']') && open > 0) {
            open--;
        }
    }
    return true;
}

bool operation_bytes(struct kvctl_operation *operation, const char *field, const json_t *json,
                     kv_bytes *ret)
{
    if (json_is_string(json)) {
        *ret = kv_bytes_of(json_string_value(json), json_string_length(json));
        return true;
    }
    const json_t *hex = json_object_size(json) == 1 ? json_object_get(json, "hex") : NULL;
    if (!json_is_string(hex)) {
        return REFUSE(operation, "\"%s\" must be a string or {\"hex\":\"...\"}", field);
    }
    const size_t before = operation->bytes.size;
    const char *error = "";
    if (!kvctl_decode(KVCTL_ENCODING_HEX,
                      kv_bytes_of(json_string_value(hex), json_string_length(hex)),
                      &operation->bytes, &error)) {
        return REFUSE(operation, "\"%s\": %s", field, error);
    }
    *ret = kv_bytes_of(operation->bytes.data + before, operation->bytes.size - before);
    return true;
}

static bool field_parse(struct kvctl_operation *operation, const char *field, kv_bytes *ret)
{
    const json_t *json = json_object_get(operation->request, field);
    if (json == NULL) {
        return REFUSE(operation, "%s needs \"%s\"", kvctl_op_name(operation->op.code), field);
    }
    return operation_bytes(operation, field, json, ret);
}

bool operation_integer(struct kvctl_operation *operation, const char *field, const json_t *json,
                       int64_t min, int64_t max, int64_t *ret)
{
    int64_t number = 0;
    const bool valid =
        json_is_integer(json) ||
        (json_is_string(json) && strlen(json_string_value(json)) == json_string_length(json) &&
         kvctl_integer_parse(json_string_value(json), &number));
    if (json_is_integer(json)) {
        number = json_integer_value(json);
    }
    if (!valid || number < min || number > max) {
        return REFUSE(operation, "\"%s\" must be an integer from %lld to %lld", field,
                      (long long)min, (long long)max);
    }
    *ret = number;
    return true;
}

/* A number that may be absent. */
static bool integer_parse(struct kvctl_operation *operation, const char *field, int64_t min,
                          int64_t max, int64_t *ret)
{
    const json_t *json = json_object_get(operation->request, field);
    return json == NULL || operation_integer(operation, field, json, min, max, ret);
}

static bool keys_parse(struct kvctl_operation *operation)
{
    const json_t *keys = json_object_get(operation->request, "keys");
    const size_t count = json_array_size(keys);
    if (!json_is_array(keys) || count == 0 || count > KV_COMMAND_KEYS_MAX) {
        return REFUSE(operation, "%s needs \"keys\": an array of 1 to %d keys",
                      kvctl_op_name(operation->op.code), KV_COMMAND_KEYS_MAX);
    }
    operation->keys = kv_alloc_zero(count, sizeof(*operation->keys));
    for (size_t i = 0; i < count; i++) {
        if (!operation_bytes(operation, "keys", json_array_get(keys, i), &operation->keys[i])) {
            return false;
        }
    }
    operation->op.count = (uint32_t)count;
    return true;
}

/* {"a": "1", ...} or [["a", "1"], ...]. */
static bool pairs_parse(struct kvctl_operation *operation)
{
    json_t *pairs = json_object_get(operation->request, "pairs");
    const size_t count = json_is_object(pairs) ? json_object_size(pairs) : json_array_size(pairs);
    if (count == 0 || count > KV_COMMAND_KEYS_MAX) {
        return REFUSE(operation, "mput needs \"pairs\": 1 to %d as {key: value} or [[key, value]]",
                      KV_COMMAND_KEYS_MAX);
    }
    operation->keys = kv_alloc_zero(count, sizeof(*operation->keys));
    operation->values = kv_alloc_zero(count, sizeof(*operation->values));
    uint32_t i = 0;
    const char *key;
    json_t *value;
    json_object_foreach(pairs, key, value)
    {
        operation->keys[i] = kv_bytes_of(key, strlen(key));
        if (!operation_bytes(operation, "pairs", value, &operation->values[i++])) {
            return false;
        }
    }
    size_t row;
    json_array_foreach(pairs, row, value)
    {
        if (json_array_size(value) != 2) {
            return REFUSE(operation, "\"pairs\": each must be [key, value]");
        }
        if (!operation_bytes(operation, "pairs", json_array_get(value, 0), &operation->keys[i]) ||
            !operation_bytes(operation, "pairs", json_array_get(value, 1),
                             &operation->values[i++])) {
            return false;
        }
    }
    operation->op.count = (uint32_t)count;
    return true;
}

static bool limit_parse(struct kvctl_operation *operation)
{
    int64_t limit = 0;
    const bool valid = integer_parse(operation, "limit", 1, UINT32_MAX, &limit);
    operation->op.limit = (uint32_t)limit;
    return valid;
}

static bool scan_parse(struct kvctl_operation *operation)
{
    const json_t *from = json_object_get(operation->request, "from");
    const json_t *to = json_object_get(operation->request, "to");
    if ((from != NULL && !json_is_null(from) &&
         !operation_bytes(operation, "from", from, &operation->op.from)) ||
        (to != NULL && !json_is_null(to) &&
         !operation_bytes(operation, "to", to, &operation->op.to))) {
        return false;
    }
    return limit_parse(operation);
}

/* One key, or several that are each on their own. */
static bool key_or_keys_parse(struct kvctl_operation *operation)
{
    const json_t *keys = json_object_get(operation->request, "keys");
    if (keys != NULL && json_object_get(operation->request, "key") != NULL) {
        return REFUSE(operation, "%s takes \"key\" or \"keys\", not both",
                      kvctl_op_name(operation->op.code));
    }
    return keys != NULL ? keys_parse(operation) : field_parse(operation, "key", &operation->op.key);
}

/* The number of a partition. */
static bool partition_parse(struct kvctl_operation *operation, const char *field)
{
    int64_t partition = 0;
    if (!integer_parse(operation, field, 1, KV_GROUPS_MAX - 1, &partition)) {
        return false;
    }
    operation->op.partition = (uint32_t)partition;
    return true;
}

/* {"key": bytes, "value": bytes, "on": 2 or "least-loaded"}; the last two may be left out. */
static bool create_parse(struct kvctl_operation *operation)
{
    const json_t *value = json_object_get(operation->request, "value");
    const json_t *on = json_object_get(operation->request, "on");
    operation->op.value = kv_bytes_of("", 0);
    if (!field_parse(operation, "key", &operation->op.key) ||
        (value != NULL && !operation_bytes(operation, "value", value, &operation->op.value))) {
        return false;
    }
    operation->op.least_loaded =
        json_is_string(on) && strcmp(json_string_value(on), "least-loaded") == 0;
    return operation->op.least_loaded || partition_parse(operation, "on");
}

static bool move_parse(struct kvctl_operation *operation)
{
    if (json_object_get(operation->request, "to") == NULL) {
        return REFUSE(operation, "move needs \"to\": the number of a partition");
    }
    return key_or_keys_parse(operation) && partition_parse(operation, "to");
}

/* How a command on keys of several partitions is executed: {"policy": "move", "on": 2}. */
static bool policy_parse(struct kvctl_operation *operation)
{
    const json_t *policy = json_object_get(operation->request, "policy");
    if (policy != NULL && !(json_is_string(policy) &&
                            kvctl_policy_parse(json_string_value(policy), &operation->op.policy))) {
        return REFUSE(operation, "\"policy\" must be \"exchange\", \"move\" or \"borrow\"");
    }
    const bool has_place =
        operation->op.policy == KV_POLICY_MOVE || operation->op.policy == KV_POLICY_BORROW;
    if (json_object_get(operation->request, "on") != NULL && !has_place) {
        return REFUSE(operation, "\"on\" goes with \"policy\": \"move\" or \"borrow\"");
    }
    return partition_parse(operation, "on");
}

static bool fields_parse(struct kvctl_operation *operation)
{
    kv_op *op = &operation->op;
    switch (op->code) {
    case KV_OP_GET:
        return field_parse(operation, "key", &op->key);
    case KV_OP_DELETE:
    case KV_OP_WHERE:
        return key_or_keys_parse(operation);
    case KV_OP_PUT:
    case KV_OP_PUT_IF_ABSENT:
    case KV_OP_APPEND:
        return field_parse(operation, "key", &op->key) &&
               field_parse(operation, "value", &op->value);
    case KV_OP_CAS:
        return field_parse(operation, "key", &op->key) &&
               field_parse(operation, "expect", &op->expect) &&
               field_parse(operation, "value", &op->value);
    case KV_OP_INCR:
        op->number = 1;
        return field_parse(operation, "key", &op->key) &&
               integer_parse(operation, "by", INT64_MIN, INT64_MAX, &op->number);
    case KV_OP_MGET:
        return keys_parse(operation) && policy_parse(operation);
    case KV_OP_MPUT:
        return pairs_parse(operation) && policy_parse(operation);
    case KV_OP_SCAN:
        return scan_parse(operation);
    case KV_OP_TXN:
        return operation_txn(operation) && policy_parse(operation);
    case KV_OP_CREATE:
        return create_parse(operation);
    case KV_OP_MOVE:
        return move_parse(operation);
    case KV_OP_PARTITIONS:
    case KV_OP_MARK: /* has no name here */
    case KV_OP_LOCK:
    case KV_OP_UNLOCK:
    case KV_OP_KEEPALIVE:
    case KV_OP_LOCKS:
    case KV_OP_SESSION:
    case KV_OP_SESSIONS:
    case KV_OP_CLIENT_END:
        return true;
    case KV_OP_HISTORY:
        return limit_parse(operation);
    }
    return false;
}

static bool sets_keys(kv_op_code code)
{
    return code == KV_OP_PUT || code == KV_OP_PUT_IF_ABSENT || code == KV_OP_CAS ||
           code == KV_OP_INCR || code == KV_OP_APPEND || code == KV_OP_MPUT || code == KV_OP_TXN ||
           code == KV_OP_CREATE;
}

/* What a request that sets keys may have: {"ttl_ms": 1000} or {"session": "1732700000000.0"}. */
static bool life_parse(struct kvctl_operation *operation)
{
    const json_t *session = json_object_get(operation->request, "session");
    int64_t ttl_ms = 0;
    if (session != NULL &&
        (!json_is_string(session) ||
         !kvctl_token_parse(json_string_value(session), &operation->op.session))) {
        return REFUSE(operation, "\"session\" must be as in \"1732700000000.0\"");
    }
    if (!integer_parse(operation, "ttl_ms", 1, KVCTL_TTL_MS_MAX, &ttl_ms)) {
        return false;
    }
    operation->op.ttl_ms = (uint32_t)ttl_ms;
    return (session == NULL && ttl_ms == 0) || sets_keys(operation->op.code) ||
           REFUSE(operation, "%s sets no keys: it has no \"ttl_ms\" or \"session\"",
                  kvctl_op_name(operation->op.code));
}

/* What every request may have: {"stale": true, "timeout_ms": 500}. */
static bool common_parse(struct kvctl_operation *operation)
{
    const json_t *stale = json_object_get(operation->request, "stale");
    if (stale != NULL && !json_is_boolean(stale)) {
        return REFUSE(operation, "\"stale\" must be true or false");
    }
    operation->op.stale_ok = json_is_true(stale);
    return integer_parse(operation, "timeout_ms", 1, KVCTL_TIME_MS_MAX, &operation->timeout_ms) &&
           life_parse(operation);
}

bool kvctl_operation_parse(struct kvctl_operation *operation, const char *line, size_t size)
{
    memset(operation, 0, sizeof(*operation));
    operation->id = json_null();
    if (size > KVCTL_LINE_BYTES_MAX) {
        return REFUSE(operation, "a line has at most %d bytes", KVCTL_LINE_BYTES_MAX);
    }
    if (!nesting_fits(line, size)) {
        return REFUSE(operation, "more than %d brackets open at once", KVCTL_NESTING_MAX);
    }
    json_error_t json_error;
    operation->request =
        json_loadb(line, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &json_error);
    if (operation->request == NULL) {
        return REFUSE(operation, "not JSON: %.100s", json_error.text);
    }
    if (!json_is_object(operation->request)) {
        return REFUSE(operation, "a request is a JSON object with \"op\"");
    }
    json_t *id = json_object_get(operation->request, "id");
    operation->id = id == NULL ? json_null() : json_incref(id);
    const json_t *name = json_object_get(operation->request, "op");
    if (!json_is_string(name)) {
        return REFUSE(operation, "\"op\" must be a string, as in {\"op\":\"get\",\"key\":\"a\"}");
    }
    if (!op_code_parse(json_string_value(name), &operation->op.code)) {
        return REFUSE(operation, "unknown op \"%.40s\"", json_string_value(name));
    }
    kv_buffer_reserve(&operation->bytes, size / 2 + 1);
    if (!common_parse(operation) || !fields_parse(operation)) {
        return false;
    }
    operation->op.keys = operation->keys;
    operation->op.values = operation->values;
    return true;
}

void kvctl_operation_close(struct kvctl_operation *operation)
{
    json_decref(operation->id);
    json_decref(operation->request);
    kv_buffer_close(&operation->bytes);
    kv_free(operation->keys);
    kv_free(operation->values);
    kvctl_txn_close(&operation->txn);
    memset(operation, 0, sizeof(*operation));
}

void kvctl_prefix_end(kv_bytes prefix, struct kv_buffer *end)
{
    const uint8_t *data = prefix.data;
    size_t size = prefix.size;
    while (size > 0 && data[size - 1] == 0xff) {
        size--;
    }
    if (size > 0) {
        const uint8_t last = (uint8_t)(data[size - 1] + 1);
        kv_buffer_append(end, data, size - 1);
        kv_buffer_append(end, &last, 1);
    }
}
