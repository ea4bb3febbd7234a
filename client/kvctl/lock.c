/* SPDX-License-Identifier: Apache-2.0 */
/* lock: 'kvctl lock' holds keys while a command runs; 'kvctl unlock' and 'kvctl locks'. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/kvctl/held.h"
#include "client/kvctl/report.h"
#include "client/kvctl/request.h"
#include "client/kvctl/target.h"
#include "multicast/base/bytes.h"

/* The keys in front of "--", as bytes. */
static enum kvctl_exit read_keys(const struct kvctl_options *options,
                                 struct kvctl_arguments arguments, uint32_t count,
                                 struct kv_buffer *buffers, kv_bytes *keys)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *word = arguments.words[i];
        const char *error = "";
        if (!kvctl_decode(options->encoding, kv_bytes_of(word, strlen(word)), &buffers[i],
                          &error)) {
            return kvctl_fail(options, KVCTL_EXIT_USAGE, "key '%s': %s", word, error);
        }
        keys[i] = kv_bytes_of(buffers[i].data, buffers[i].size);
    }
    return KVCTL_EXIT_OK;
}

static enum kvctl_exit hold(const struct kvctl_options *options, kv_client *client,
                            const kv_bytes *keys, uint32_t count, const char *const *words)
{
    const kv_lock_options wanted = {.ttl_ms = (uint32_t)options->ttl_ms,
                                    .shared = kvctl_given(options, KVCTL_BIT(SHARED)),
                                    .no_wait = kvctl_given(options, KVCTL_BIT(NO_WAIT)),
                                    .wait_ms = options->timeout_ms == 0 ? UINT64_MAX
                                                                        : options->timeout_ms};
    kv_token token;
    const kv_status status = kv_lock(client, keys, count, &wanted, &token);
    if (status != KV_OK) {
        return kvctl_fail_status(options, client, status, "lock");
    }
    if (words == NULL) {
        char text[KVCTL_TOKEN_BYTES_MAX];
        kvctl_token_text(token, text);
        printf("%s\n", text);
        return KVCTL_EXIT_OK;
    }
    const int code = kvctl_run_held(options, client, "lock", "KV_LOCK_TOKEN", token, words);
    if (kv_unlock(client, token) == KV_LOCK_LOST) {
        kvctl_note(options, "lock: it had ended before the command did");
    }
    return (enum kvctl_exit)code;
}

enum kvctl_exit kvctl_run_lock(const struct kvctl_command *command,
                               const struct kvctl_options *options)
{
    const struct kvctl_arguments arguments = kvctl_arguments_of(command, options);
    const uint32_t names = options->argument_count - arguments.count;
    const bool runs = options->behind < options->argument_count;
    const uint32_t count = options->behind < names ? 0 : options->behind - names;
    if (count == 0 || count > KV_COMMAND_KEYS_MAX) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE, "lock takes 1 to %d keys in front of --",
                          KV_COMMAND_KEYS_MAX);
    }
    struct kv_buffer *buffers = kv_alloc_zero(count, sizeof(*buffers));
    kv_bytes *keys = kv_alloc_zero(count, sizeof(*keys));
    const char **words = kv_alloc_zero(arguments.count - count + 1, sizeof(*words));
    memcpy(words, arguments.words + count, (arguments.count - count) * sizeof(*words));
    kv_client *client = NULL;
    enum kvctl_exit code = read_keys(options, arguments, count, buffers, keys);
    if (code == KVCTL_EXIT_OK) {
        code = kvctl_connect_any(options, &client);
    }
    if (code == KVCTL_EXIT_OK) {
        code = hold(options, client, keys, count, runs ? words : NULL);
    }
    kv_client_close(&client);
    for (uint32_t i = 0; i < count; i++) {
        kv_buffer_close(&buffers[i]);
    }
    kv_free(buffers);
    kv_free(keys);
    kv_free(words);
    return code;
}

enum kvctl_exit kvctl_run_unlock(const struct kvctl_command *command,
                                 const struct kvctl_options *options)
{
    kv_op op = {.code = KV_OP_UNLOCK};
    kv_client *client = NULL;
    if (!kvctl_token_parse(kvctl_arguments_of(command, options).words[0], &op.token)) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE, "a token is as in 1732700000000.1");
    }
    enum kvctl_exit code = kvctl_connect_any(options, &client);
    if (code == KVCTL_EXIT_OK) {
        kv_result *result = NULL;
        const kv_status status = kvctl_execute(&client, &op, &result);
        kv_result_free(result);
        code =
            status == KV_OK ? KVCTL_EXIT_OK : kvctl_fail_status(options, client, status, "unlock");
    }
    kv_client_close(&client);
    return code;
}

/* ---- locks ---- */

#define FIELDS 6

/* The fields of a row's text: state, mode, token, session, age, left. */
static bool split(kv_bytes value, char text[128], char *fields[FIELDS])
{
    char *rest = NULL;
    snprintf(text, 128, "%.*s", (int)value.size, (const char *)value.data);
    fields[0] = strtok_r(text, " ", &rest);
    for (int i = 1; i < FIELDS; i++) {
        fields[i] = strtok_r(NULL, " ", &rest);
    }
    return fields[FIELDS - 1] != NULL;
}

static void print_locks(const struct kvctl_options *options, const kv_result *result)
{
    static const char *const heads[FIELDS + 1] = {"KEY",     "STATE", "MODE", "TOKEN",
                                                  "SESSION", "AGE",   "LEFT"};
    static const char *const names[FIELDS] = {"state",   "mode",   "token",
                                              "session", "age_ms", "left_ms"};
    struct kvctl_table table = {.columns = FIELDS + 1};
    json_t *list = json_array();
    for (int i = 0; i <= FIELDS; i++) {
        kvctl_table_add(&table, "%s", heads[i]);
    }
    for (uint32_t r = 0; r < kv_result_count(result); r++) {
        char text[128];
        char *fields[FIELDS];
        if (!split(kv_result_value(result, r), text, fields)) {
            continue;
        }
        json_t *row = json_object();
        json_object_set_new(row, "key",
                            kvctl_bytes_json(options->encoding, kv_result_key(result, r)));
        kvctl_table_add_bytes(&table, options, kv_result_key(result, r));
        for (int i = 0; i < FIELDS; i++) {
            json_object_set_new(row, names[i],
                                i < 3 ? json_string(fields[i]) : json_integer(atoll(fields[i])));
            kvctl_table_add(&table, i < 4 ? "%s" : "%sms", fields[i]);
        }
        json_array_append_new(list, row);
    }
    kvctl_print_rows(options, &table, list);
}

enum kvctl_exit kvctl_run_locks(const struct kvctl_command *command,
                                const struct kvctl_options *options)
{
    (void)command;
    return kvctl_ask(options, &(kv_op){.code = KV_OP_LOCKS, .limit = options->limit}, "locks",
                     print_locks);
}
