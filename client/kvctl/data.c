/* SPDX-License-Identifier: Apache-2.0 */
/* data: get, put, ... : their results to stdout, in the form of -o. */
#include <stdio.h>
#include <string.h>

#include "client/kvctl/operation.h"
#include "client/kvctl/request.h"

/* Rows as KEY and VALUE. */
static void print_table(const struct kvctl_request *request, const kv_result *result)
{
    struct kvctl_table table = {.columns = 2};
    kvctl_table_add(&table, "KEY");
    kvctl_table_add(&table, "VALUE");
    for (uint32_t i = 0; i < kv_result_count(result); i++) {
        const bool keyed = request->op.code != KV_OP_GET;
        const bool present = kv_result_present(result, i);
        kvctl_table_add_bytes(&table, request->options,
                              keyed ? kv_result_key(result, i) : request->op.key);
        kvctl_table_add_bytes(&table, request->options,
                              present ? kv_result_value(result, i) : kv_bytes_of(NULL, 0));
    }
    kvctl_table_print(&table, stdout);
}

static void print_rows(const struct kvctl_request *request, const kv_result *result)
{
    for (uint32_t i = 0; i < kv_result_count(result); i++) {
        if (kv_result_present(result, i)) {
            kvctl_print_bytes(request->options, kv_result_key(result, i));
            fputc('\t', stdout);
            kvctl_print_bytes(request->options, kv_result_value(result, i));
            fputc('\n', stdout);
        }
    }
}

static void print_text(const struct kvctl_request *request, kv_status status,
                       const kv_result *result)
{
    const kv_op_code code = request->op.code;
    if (code == KV_OP_INCR) {
        printf("%lld\n", (long long)kv_result_number(result));
    } else if (kvctl_is_write(code)) {
        if (status == KV_OK && !kvctl_given(request->options, KVCTL_BIT(QUIET))) {
            printf("OK\n");
        }
    } else if (request->options->output == KVCTL_OUTPUT_TABLE) {
        print_table(request, result);
    } else if (code == KV_OP_GET) {
        kvctl_print_bytes(request->options, kv_result_value(result, 0));
        if (!kvctl_given(request->options, KVCTL_BIT(RAW))) {
            fputc('\n', stdout);
        }
    } else {
        print_rows(request, result);
    }
}

/* Tell a key that was not done, and why. */
static void note_key(const struct kvctl_request *request, uint32_t i, const char *why)
{
    struct kv_buffer key = {0};
    kvctl_encode(KVCTL_ENCODING_ESCAPE, request->keys[i], &key);
    kvctl_note(request->options, "%s: %s: %.*s", request->command->name, why, (int)key.size,
               key.size == 0 ? "" : (const char *)key.data);
    kv_buffer_close(&key);
}

/* Rows that are not there, keys that could not be deleted, and rows behind the last one, are told. An
 * mget with an absent key ends with NOT_FOUND: what was found is printed all the same. */
static enum kvctl_exit note_rows(const struct kvctl_request *request, kv_status status,
                                 const kv_result *result)
{
    enum kvctl_exit code = kvctl_exit_of(status, kvctl_is_write(request->op.code));
    for (uint32_t i = 0; i < kv_result_count(result) && request->op.code == KV_OP_MGET; i++) {
        if (!kv_result_present(result, i)) {
            note_key(request, i, kv_status_text(KV_NOT_FOUND));
            code = KVCTL_EXIT_NOT_FOUND;
        }
    }
    for (uint32_t i = 0; i < kv_result_places(result) && status != KV_OK; i++) {
        if (kv_result_place(result, i).status != KV_OK) {
            note_key(request, i, kv_status_text(kv_result_place(result, i).status));
        }
    }
    const uint32_t count = kv_result_count(result);
    if (request->op.code == KV_OP_SCAN && kv_result_more(result) && count > 0) {
        struct kv_buffer last = {0};
        kvctl_encode(KVCTL_ENCODING_ESCAPE, kv_result_key(result, count - 1), &last);
        kvctl_note(
            request->options,
            "scan: there are more rows; go on with: kvctl scan --encoding escape '%.*s\\x00'",
            (int)last.size, last.size == 0 ? "" : (const char *)last.data);
        kv_buffer_close(&last);
    }
    return code;
}

static enum kvctl_exit print_result(const struct kvctl_request *request, kv_status status,
                                    const kv_result *result)
{
    if (request->options->output == KVCTL_OUTPUT_JSON) {
        kvctl_print_json(stdout, kvctl_request_json(request, status, result));
    } else {
        print_text(request, status, result);
    }
    return note_rows(request, status, result);
}

enum kvctl_exit kvctl_run_data(const struct kvctl_command *command,
                               const struct kvctl_options *options)
{
    return kvctl_run_request(command, options, print_result);
}
