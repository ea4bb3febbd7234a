/* SPDX-License-Identifier: Apache-2.0 */
/* request_report: runs a request, and says what became of it. */
#include "client/kvctl/request.h"

#include <stdio.h>
#include <string.h>

#include "client/kvctl/health.h"
#include "client/kvctl/operation.h"
#include "client/kvctl/target.h"

void kvctl_print_bytes(const struct kvctl_options *options, kv_bytes bytes)
{
    struct kv_buffer text = {0};
    kvctl_encode(options->encoding, bytes, &text);
    if (text.size > 0) {
        fwrite(text.data, 1, text.size, stdout);
    }
    kv_buffer_close(&text);
}

void kvctl_table_add_bytes(struct kvctl_table *table, const struct kvctl_options *options,
                           kv_bytes bytes)
{
    struct kv_buffer text = {0};
    kvctl_encode(options->encoding == KVCTL_ENCODING_UTF8 ? KVCTL_ENCODING_ESCAPE
                                                          : options->encoding,
                 bytes, &text);
    kvctl_table_add(table, "%.*s", (int)text.size, text.size == 0 ? "" : (const char *)text.data);
    kv_buffer_close(&text);
}

json_t *kvctl_request_json(const struct kvctl_request *request, kv_status status,
                           const kv_result *result)
{
    const struct kvctl_options *options = request->options;
    const kv_op *op = &request->op;
    json_t *json = kvctl_answer_json(op->code, status, result, options->encoding, false);
    if (op->key.size > 0) {
        json_object_set_new(json, "key", kvctl_bytes_json(options->encoding, op->key));
    }
    if (op->count > 0 && op->code != KV_OP_MPUT) {
        json_t *keys = json_array();
        for (uint32_t i = 0; i < op->count; i++) {
            json_array_append_new(keys, kvctl_bytes_json(options->encoding, request->keys[i]));
        }
        json_object_set_new(json, "keys", keys);
    }
    if (options->encoding != KVCTL_ENCODING_UTF8) {
        json_object_set_new(json, "encoding", json_string(kvctl_encoding_name(options->encoding)));
    }
    return json;
}

enum kvctl_exit kvctl_request_fail(const struct kvctl_request *request, const kv_client *client,
                                   kv_status status, const kv_result *result)
{
    const bool write = kvctl_is_write(request->op.code);
    const char *specific = client == NULL ? "" : kv_client_error(client);
    const char *hint = kvctl_hint(status);
    const bool definitive = status > 0;
    struct kv_buffer present = {0};
    if (definitive && result != NULL && kv_result_count(result) > 0 &&
        kv_result_present(result, 0)) {
        kv_buffer_append(&present, "; present value: ", 17);
        kvctl_encode(request->options->encoding == KVCTL_ENCODING_UTF8 ? KVCTL_ENCODING_ESCAPE
                                                                       : request->options->encoding,
                     kv_result_value(result, 0), &present);
    }
    char text[768];
    snprintf(text, sizeof(text), "%s%s%s%.*s",
             definitive || specific[0] == '\0' ? kv_status_text(status) : specific,
             hint[0] == '\0' ? "" : "; ", hint, (int)present.size,
             present.size == 0 ? "" : (const char *)present.data);
    kv_buffer_close(&present);
    enum kvctl_exit code = kvctl_exit_of(status, write);
    if (kvctl_interrupted()) {
        code = KVCTL_EXIT_INTERRUPTED;
        snprintf(text, sizeof(text), "interrupted; %s",
                 write && kv_status_in_doubt(status)
                     ? "the write may have been executed, or may yet be"
                     : "not executed");
    }
    if (request->options->output == KVCTL_OUTPUT_JSON) {
        json_t *json = kvctl_request_json(request, status, result);
        json_object_set_new(json, "text",
                            kvctl_bytes_json(KVCTL_ENCODING_UTF8, kv_bytes_of(text, strlen(text))));
        json_object_set_new(json, "exit", json_integer((json_int_t)code));
        kvctl_print_json(stderr, json);
        return code;
    }
    struct kv_buffer key = {0};
    kvctl_encode(KVCTL_ENCODING_ESCAPE, request->op.key, &key);
    kvctl_fail(request->options, code, "%s%s%.*s: %s: %s", request->command->name,
               key.size == 0 ? "" : " ", (int)key.size, key.size == 0 ? "" : (const char *)key.data,
               kv_status_name(status), text);
    kv_buffer_close(&key);
    return code;
}

static void tell_where_and_when(const struct kvctl_request *request, const kv_result *result,
                                uint64_t start_us)
{
    kvctl_note(
        request->options,
        "%s: answered by %s%s, index %llu, timestamp %llu, %u partition(s)%s, %u sending(s), "
        "%.1f ms",
        request->command->name, kv_result_group(result) == 0 ? "the " : "partition ",
        kvctl_group_text(kv_result_group(result)), (unsigned long long)kv_result_index(result),
        (unsigned long long)kv_result_timestamp(result), kv_result_partitions(result),
        kv_result_via_oracle(result) ? " and the oracle" : "", kv_result_attempts(result),
        (double)(kv_now_us() - start_us) / 1000.0);
}

/* Whether it has a verdict for each of several keys, so that some may have failed and others not. */
static bool has_verdicts(const kv_op *op, const kv_result *result)
{
    const bool each =
        op->code == KV_OP_DELETE || op->code == KV_OP_MOVE || op->code == KV_OP_CREATE;
    return each && op->count > 0 && result != NULL && kv_result_places(result) == op->count;
}

enum kvctl_exit kvctl_request_execute(const struct kvctl_request *request, kv_client **client,
                                      kvctl_print_result print)
{
    kv_result *result = NULL;
    const uint64_t start_us = kv_now_us();
    kv_status status = kvctl_execute(client, &request->op, &result);
    if (status == KV_OK && request->op.code == KV_OP_GET &&
        (kv_result_count(result) == 0 || !kv_result_present(result, 0))) {
        status = KV_NOT_FOUND;
    }
    const enum kvctl_exit code = status == KV_OK || has_verdicts(&request->op, result)
                                     ? print(request, status, result)
                                     : kvctl_request_fail(request, *client, status, result);
    if (kvctl_given(request->options, KVCTL_BIT(VERBOSE)) && result != NULL) {
        tell_where_and_when(request, result, start_us);
    }
    kv_result_free(result);
    return code;
}

enum kvctl_exit kvctl_run_request(const struct kvctl_command *command,
                                  const struct kvctl_options *options, kvctl_print_result print)
{
    struct kvctl_request *request = kvctl_request_new(command, options);
    kv_client *client = NULL;
    enum kvctl_exit code = kvctl_request_build(request);
    if (code == KVCTL_EXIT_OK) {
        code = kvctl_connect_any(options, &client);
    }
    if (code == KVCTL_EXIT_OK) {
        code = kvctl_request_execute(request, &client, print);
        code = kvctl_flush(options, code);
    }
    kv_client_close(&client);
    kvctl_request_destroy(&request);
    return code;
}
