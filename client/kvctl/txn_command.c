/* SPDX-License-Identifier: Apache-2.0 */
/* txn_command: kvctl txn: its result to stdout. */
#include <stdio.h>

#include "client/kvctl/request.h"

/* The branch, and a row for each of its steps: the key, and the value if the step has told one. */
static void print_text(const struct kvctl_request *request, bool held, const kv_result *result)
{
    const struct kvctl_options *options = request->options;
    const uint32_t count = kv_result_count(result);
    struct kvctl_table table = {.columns = 3};
    const enum kvctl_txn_part part = held ? KVCTL_TXN_THEN : KVCTL_TXN_ELSE;
    printf("%s\n", held ? "then" : "else");
    if (options->output == KVCTL_OUTPUT_TABLE && count > 0) {
        kvctl_table_add(&table, "STEP");
        kvctl_table_add(&table, "KEY");
        kvctl_table_add(&table, "VALUE");
    }
    for (uint32_t i = 0; i < count; i++) {
        const bool present = kv_result_present(result, i);
        const kv_bytes value = present ? kv_result_value(result, i) : kv_bytes_of(NULL, 0);
        if (options->output == KVCTL_OUTPUT_TABLE) {
            const bool known = i < request->txn.counts[part];
            kvctl_table_add(&table, "%s",
                            known ? kvctl_step_form_of(request->txn.steps[part][i].code)->word
                                  : "");
            kvctl_table_add_bytes(&table, options, kv_result_key(result, i));
            kvctl_table_add_bytes(&table, options, value);
            continue;
        }
        kvctl_print_bytes(options, kv_result_key(result, i));
        if (present) {
            fputc('\t', stdout);
            kvctl_print_bytes(options, value);
        }
        fputc('\n', stdout);
    }
    if (table.cell_count > 0) {
        kvctl_table_print(&table, stdout);
    }
}

static enum kvctl_exit print_result(const struct kvctl_request *request, kv_status status,
                                    const kv_result *result)
{
    const bool held = kv_result_number(result) != 0;
    if (request->options->output == KVCTL_OUTPUT_JSON) {
        kvctl_print_json(stdout, kvctl_request_json(request, status, result));
    } else {
        print_text(request, held, result);
    }
    if (held || request->txn.has_else) {
        return KVCTL_EXIT_OK;
    }
    kvctl_note(request->options,
               "txn: the guards do not hold, and there is no else: nothing was done");
    return KVCTL_EXIT_CONDITION;
}

enum kvctl_exit kvctl_run_txn(const struct kvctl_command *command,
                              const struct kvctl_options *options)
{
    return kvctl_run_request(command, options, print_result);
}
