/* SPDX-License-Identifier: Apache-2.0 */
/* session: 'kvctl session open' holds a session while a command runs; 'kvctl session list' and 'kvctl session end'. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/kvctl/held.h"
#include "client/kvctl/report.h"
#include "client/kvctl/request.h"
#include "client/kvctl/target.h"
#include "multicast/base/bytes.h"

static enum kvctl_exit hold(const struct kvctl_options *options, kv_client *client,
                            const char *const *words)
{
    kv_token session;
    const kv_status status = kv_session_open(client, (uint32_t)options->ttl_ms, &session);
    if (status != KV_OK) {
        return kvctl_fail_status(options, client, status, "session open");
    }
    if (words[0] == NULL) {
        char text[KVCTL_TOKEN_BYTES_MAX];
        kvctl_token_text(session, text);
        printf("%s\n", text);
        return kvctl_flush(options, KVCTL_EXIT_OK);
    }
    const int code = kvctl_run_held(options, client, "session", "KV_SESSION", session, words);
    if (kv_session_close(client, session) == KV_SESSION_ENDED) {
        kvctl_note(options, "session: it had ended before the command did");
    }
    return (enum kvctl_exit)code;
}

enum kvctl_exit kvctl_run_session_open(const struct kvctl_command *command,
                                       const struct kvctl_options *options)
{
    const struct kvctl_arguments arguments = kvctl_arguments_of(command, options);
    if (arguments.count > 0 && options->behind > options->argument_count - arguments.count) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE, "session open: the command stands behind --");
    }
    const char **words = kv_alloc_zero(arguments.count + 1, sizeof(*words));
    memcpy(words, arguments.words, arguments.count * sizeof(*words));
    kv_client *client = NULL;
    enum kvctl_exit code = kvctl_connect_any(options, &client);
    if (code == KVCTL_EXIT_OK) {
        code = hold(options, client, words);
    }
    kv_client_close(&client);
    kv_free(words);
    return code;
}

/* A session ends as a lock does; what is no session is perhaps a client. */
static kv_status end(kv_client **client, kv_token token)
{
    kv_op op = {.code = KV_OP_UNLOCK, .token = token};
    kv_result *result = NULL;
    kv_status status = kvctl_execute(client, &op, &result);
    kv_result_free(result);
    if (status == KV_LOCK_LOST) {
        result = NULL;
        op.code = KV_OP_CLIENT_END;
        status = kvctl_execute(client, &op, &result);
        kv_result_free(result);
    }
    return status;
}

enum kvctl_exit kvctl_run_session_end(const struct kvctl_command *command,
                                      const struct kvctl_options *options)
{
    kv_client *client = NULL;
    kv_token token;
    if (!kvctl_token_parse(kvctl_arguments_of(command, options).words[0], &token)) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE, "a session is as in 1732700000000.1");
    }
    enum kvctl_exit code = kvctl_connect_any(options, &client);
    if (code == KVCTL_EXIT_OK) {
        const kv_status status = end(&client, token);
        code = status == KV_OK ? KVCTL_EXIT_OK
                               : kvctl_fail_status(options, client, status, "session end");
    }
    kv_client_close(&client);
    return code;
}

/* ---- session list ---- */

/* The three numbers of a session's row: who opened it, its age and what is left of it in ms; a client has none. */
static bool numbers_of(kv_bytes value, uint64_t numbers[3])
{
    char text[96];
    snprintf(text, sizeof(text), "%.*s", (int)value.size,
             value.size == 0 ? "" : (const char *)value.data);
    return sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64, &numbers[0], &numbers[1],
                  &numbers[2]) == 3;
}

static void add_row(const kv_result *result, uint32_t r, struct kvctl_table *table, json_t *list)
{
    const kv_bytes id = kv_result_key(result, r);
    uint64_t numbers[3];
    const bool session = numbers_of(kv_result_value(result, r), numbers);
    json_t *row = json_object();
    json_object_set_new(row, "id", json_stringn(id.data, id.size));
    json_object_set_new(row, "kind", json_string(session ? "session" : "client"));
    kvctl_table_add(table, "%.*s", (int)id.size, (const char *)id.data);
    kvctl_table_add(table, "%s", session ? "session" : "client");
    if (session) {
        json_object_set_new(row, "client", json_integer((json_int_t)numbers[0]));
        json_object_set_new(row, "age_ms", json_integer((json_int_t)numbers[1]));
        json_object_set_new(row, "left_ms", json_integer((json_int_t)numbers[2]));
        kvctl_table_add(table, "%" PRIu64, numbers[0]);
        kvctl_table_add(table, "%" PRIu64 "ms", numbers[1]);
        kvctl_table_add(table, "%" PRIu64 "ms", numbers[2]);
    } else {
        for (int i = 0; i < 3; i++) {
            kvctl_table_add(table, "-");
        }
    }
    json_array_append_new(list, row);
}

static void print_sessions(const struct kvctl_options *options, const kv_result *result)
{
    static const char *const heads[] = {"ID", "KIND", "CLIENT", "AGE", "LEFT"};
    struct kvctl_table table = {.columns = sizeof(heads) / sizeof(heads[0])};
    json_t *list = json_array();
    for (uint32_t i = 0; i < table.columns; i++) {
        kvctl_table_add(&table, "%s", heads[i]);
    }
    for (uint32_t r = 0; r < kv_result_count(result); r++) {
        add_row(result, r, &table, list);
    }
    kvctl_print_rows(options, &table, list);
}

enum kvctl_exit kvctl_run_session_list(const struct kvctl_command *command,
                                       const struct kvctl_options *options)
{
    (void)command;
    return kvctl_ask(options, &(kv_op){.code = KV_OP_SESSIONS, .limit = options->limit},
                     "session list", print_sessions);
}
