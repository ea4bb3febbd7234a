/* SPDX-License-Identifier: Apache-2.0 */
/* operation: operations and answers as JSON, the forms of kvctl pipe and of -o json.
 *
 *   in   {"id": any, "op": "put", "key": bytes, "value": bytes}, one per line
 *   out  {"id": any, "op": "put", "status": "ok", "result": true, "group": 1, "index": 17, ...}
 *
 * bytes is a string (UTF-8), or {"hex": "..."} for bytes that are not. A definitive NO is status
 * "failed" with the name of the kv_status; status "in_doubt" is a write that may have been
 * executed or may yet be. docs/kvctl.md has every form.
 *
 * The functions are pure. Hostile lines are refused by size, by nesting, and by the form of
 * every field. */
#ifndef KVCTL_OPERATION_H
#define KVCTL_OPERATION_H

#include <jansson.h>

#include "client/kvctl/report.h"
#include "client/kvctl/txn.h"

/* Bytes of one line: the largest command (4 MiB of keys and values) with every byte as two hex
 * digits, or the largest value with every byte as \u00NN, and room for field names. */
#define KVCTL_LINE_BYTES_MAX (16 * 1024 * 1024)

/* Brackets open at once: requests need four; an id may be any JSON, but not a bomb. */
#define KVCTL_NESTING_MAX 16

/* One request. Zero-initialised is valid to close. */
struct kvctl_operation {
    kv_op op;
    json_t *id;             /* what to echo; JSON null if the request has none */
    json_t *request;        /* owns the strings that op borrows */
    struct kv_buffer bytes; /* what {"hex"} decoded to */
    kv_bytes *keys, *values;
    struct kvctl_txn txn;
    int64_t timeout_ms; /* 0: the default; the caller turns it into a deadline */
    char error[160];    /* why it is not a request */
};

/* Read one line. False if it is not a request; error then says why, and id is what could be
 * found. Close it in any case. */
bool kvctl_operation_parse(struct kvctl_operation *operation, const char *line, size_t size);
void kvctl_operation_close(struct kvctl_operation *operation);

/* The name of an operation's code, "put_if_absent". */
const char *kvctl_op_name(kv_op_code code);

/* An answer without id: op, status, result, group, index and the rest; of create, delete and move a
 * verdict for each key. present_or_null:
 * NOT_FOUND of a get is an answer (null), not a failure. result may be NULL. */
json_t *kvctl_answer_json(kv_op_code code, kv_status status, const kv_result *result,
                          enum kvctl_encoding encoding, bool present_or_null);

/* An answer to a line that is no request. */
json_t *kvctl_bad_request_json(const char *error);

/* "ok", "failed" or "in_doubt". */
const char *kvctl_outcome(kv_op_code code, kv_status status);

/* The end of the range of keys that begin with prefix: its successor, or empty if there is none
 * (all bytes 0xff). Appended to *end. */
void kvctl_prefix_end(kv_bytes prefix, struct kv_buffer *end);

#endif
