/* SPDX-License-Identifier: Apache-2.0 */
/* report: what kvctl says.
 *
 * Results go to stdout; everything else goes to stderr, as one line, in the form that -o asks
 * for. So a script may parse stdout without looking at it first, and stderr is JSON too when it
 * asked for JSON. */
#ifndef KVCTL_REPORT_H
#define KVCTL_REPORT_H

#include <jansson.h>

#include "client/kvctl/options.h"

/* Version of the JSON forms of -o json and of kvctl pipe; rises when a field changes its meaning
 * or goes. */
#define KVCTL_JSON_SCHEMA 2

/* Say on stderr why the command failed, with what to do. Returns code. */
enum kvctl_exit kvctl_fail(const struct kvctl_options *options, enum kvctl_exit code,
                           const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Say something that is not a result, unless -q or -o json. */
void kvctl_note(const struct kvctl_options *options, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Print one JSON value as a line. Frees value. */
void kvctl_print_json(FILE *file, json_t *value);

/* Bytes as JSON: a string in the encoding; with utf8, bytes that are not UTF-8 as {"hex":
 * "..."}. */
json_t *kvctl_bytes_json(enum kvctl_encoding encoding, kv_bytes bytes);

/* A JSON string from "%016llx" and the like. */
json_t *kvctl_text_json(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* End of a command: code, or FAILURE if stdout could not be written. */
enum kvctl_exit kvctl_flush(const struct kvctl_options *options, enum kvctl_exit code);

/* Columns aligned over all rows, two spaces between them; the last one is not padded. */
struct kvctl_table {
    uint32_t columns;
    uint32_t cell_count;
    char **cells;
};

/* Add the next cell, row by row. */
void kvctl_table_add(struct kvctl_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Print all rows and forget them, or only forget them. */
void kvctl_table_print(struct kvctl_table *table, FILE *file);
void kvctl_table_clear(struct kvctl_table *table);

/* SIGINT and SIGTERM only set a flag, so that what is in flight can be told. SIGPIPE is ignored:
 * a closed stdout shows when it is written. */
void kvctl_catch_signals(void);
bool kvctl_interrupted(void);

#endif
