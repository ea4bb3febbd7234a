/* SPDX-License-Identifier: Apache-2.0 */
/* report: lines, JSON and tables on stdout and stderr; the interrupt flag. */
#include "client/kvctl/report.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Bytes of one line on stderr; longer ones are cut. */
#define LINE_BYTES_MAX 1024

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
    (void)signal;
    interrupted = 1;
}

void kvctl_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

bool kvctl_interrupted(void)
{
    return interrupted != 0;
}

void kvctl_print_json(FILE *file, json_t *value)
{
    json_dumpf(value, file, JSON_COMPACT | JSON_ENCODE_ANY);
    fputc('\n', file);
    json_decref(value);
}

json_t *kvctl_bytes_json(enum kvctl_encoding encoding, kv_bytes bytes)
{
    json_t *json;
    struct kv_buffer text = {0};
    if (encoding == KVCTL_ENCODING_UTF8) {
        json = json_stringn(bytes.size == 0 ? "" : bytes.data, bytes.size); /* checks for UTF-8 */
        if (json != NULL) {
            return json;
        }
        kvctl_encode(KVCTL_ENCODING_HEX, bytes, &text);
        json = json_object();
        json_object_set_new(json, "hex", json_stringn((const char *)text.data, text.size));
    } else {
        kvctl_encode(encoding, bytes, &text);
        json = json_stringn(text.size == 0 ? "" : (const char *)text.data, text.size);
    }
    kv_buffer_close(&text);
    return json;
}

json_t *kvctl_text_json(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    json_t *json = json_vsprintf(format, arguments);
    va_end(arguments);
    return json;
}

enum kvctl_exit kvctl_fail(const struct kvctl_options *options, enum kvctl_exit code,
                           const char *format, ...)
{
    char line[LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (options->output == KVCTL_OUTPUT_JSON) {
        const kv_bytes text = kv_bytes_of(line, strlen(line));
        json_t *json = json_object();
        json_object_set_new(json, "status", json_string("failed"));
        json_object_set_new(json, "error", json_string(kvctl_exit_name(code)));
        json_object_set_new(json, "text", kvctl_bytes_json(KVCTL_ENCODING_UTF8, text));
        json_object_set_new(json, "exit", json_integer((json_int_t)code));
        kvctl_print_json(stderr, json);
    } else if (!kvctl_given(options, KVCTL_BIT(QUIET))) {
        fprintf(stderr, "kvctl: %s\n", line);
    }
    return code;
}

void kvctl_note(const struct kvctl_options *options, const char *format, ...)
{
    if (options->output == KVCTL_OUTPUT_JSON || kvctl_given(options, KVCTL_BIT(QUIET))) {
        return;
    }
    char line[LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    fprintf(stderr, "kvctl: %s\n", line);
}

enum kvctl_exit kvctl_flush(const struct kvctl_options *options, enum kvctl_exit code)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0) {
        return code;
    }
    return kvctl_fail(options, KVCTL_EXIT_FAILURE,
                      "cannot write to stdout: %s; the command itself ended with exit code %d",
                      strerror(errno), (int)code);
}

void kvctl_table_add(struct kvctl_table *table, const char *format, ...)
{
    char *cell = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&cell, format, arguments) < 0) {
        cell = NULL;
    }
    va_end(arguments);
    table->cells = kv_realloc(table->cells, (table->cell_count + 1) * sizeof(*table->cells));
    table->cells[table->cell_count++] = cell;
}

void kvctl_table_print(struct kvctl_table *table, FILE *file)
{
    for (uint32_t i = 0; i < table->cell_count; i++) {
        const char *cell = table->cells[i] == NULL ? "" : table->cells[i];
        const bool last = i % table->columns == table->columns - 1;
        size_t width = 0;
        for (uint32_t j = i % table->columns; j < table->cell_count && !last; j += table->columns) {
            const size_t size = table->cells[j] == NULL ? 0 : strlen(table->cells[j]);
            width = size > width ? size : width;
        }
        fprintf(file, "%-*s%s", (int)width, cell, last ? "\n" : "  ");
    }
    kvctl_table_clear(table);
}

void kvctl_table_clear(struct kvctl_table *table)
{
    for (uint32_t i = 0; i < table->cell_count; i++) {
        kv_free(table->cells[i]);
    }
    kv_free(table->cells);
    table->cells = NULL;
    table->cell_count = 0;
}
