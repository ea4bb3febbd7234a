/* SPDX-License-Identifier: Apache-2.0 */
/* data: get, put, ... : arguments to one kv_op, its result to stdout.
 *
 * 1. Arguments are decoded into buffers that live until the operation has been submitted.
 * 2. The operation runs; SIGINT ends it with exit code 130.
 * 3. The result is printed in the form of -o; a status other than OK becomes one line on stderr
 *    and an exit code. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/kvctl/command.h"
#include "client/kvctl/operation.h"
#include "client/kvctl/target.h"

/* Bytes read from a file or stdin as one value: the largest value in the longest encoding
 * (\xNN), plus line ends. */
#define INPUT_BYTES_MAX (4 * KV_VALUE_BYTES_MAX + 64 * 1024)

/* Decoded arguments: at most one buffer for each word, or the end of a prefix. */
struct request {
    const struct kvctl_command *command;
    const struct kvctl_options *options;
    kv_op op;
    struct kv_buffer buffers[KVCTL_ARGUMENTS_MAX];
    uint32_t buffer_count;
    kv_bytes keys[KV_COMMAND_KEYS_MAX];
    kv_bytes values[KV_COMMAND_KEYS_MAX];
    bool stdin_used;
};

static kv_bytes bytes_of(const struct kv_buffer *buffer)
{
    return kv_bytes_of(buffer->data, buffer->size);
}

/* Decode one text into a new buffer. */
static enum kvctl_exit decode(struct request *request, const char *what, kv_bytes text,
                              kv_bytes *ret)
{
    const char *error = "";
    struct kv_buffer *buffer = &request->buffers[request->buffer_count++];
    kv_buffer_reserve(buffer, 1); /* so that an empty text has an address */
    if (!kvctl_decode(request->options->encoding, text, buffer, &error)) {
        return kvctl_fail(request->options, KVCTL_EXIT_USAGE, "%s: the %s is not valid %s: %s",
                          request->command->name, what,
                          kvctl_encoding_name(request->options->encoding), error);
    }
    *ret = bytes_of(buffer);
    return KVCTL_EXIT_OK;
}

static enum kvctl_exit key_of(struct request *request, const char *word, kv_bytes *ret)
{
    return decode(request, "key", kv_bytes_of(word, strlen(word)), ret);
}

/* All bytes of a descriptor. */
static enum kvctl_exit read_all(const struct request *request, int descriptor, const char *name,
                                struct kv_buffer *content)
{
    for (;;) {
        kv_buffer_reserve(content, 64 * 1024);
        const ssize_t size =
            read(descriptor, content->data + content->size, content->capacity - content->size);
        if (size < 0 && errno == EINTR && !kvctl_interrupted()) {
            continue;
        }
        if (size < 0) {
            const bool interrupted = kvctl_interrupted();
            return kvctl_fail(
                request->options, interrupted ? KVCTL_EXIT_INTERRUPTED : KVCTL_EXIT_FAILURE,
                "%s: cannot read %s: %s", request->command->name, name, strerror(errno));
        }
        if (size == 0) {
            return KVCTL_EXIT_OK;
        }
        content->size += (size_t)size;
        if (content->size > INPUT_BYTES_MAX) {
            return kvctl_fail(request->options, KVCTL_EXIT_LIMIT,
                              "%s: %s is too large; a value has at most %d bytes",
                              request->command->name, name, KV_VALUE_BYTES_MAX);
        }
    }
}

/* A value: "-" is stdin, "@file" a file, anything else is itself. */
static enum kvctl_exit value_of(struct request *request, const char *word, kv_bytes *ret)
{
    const bool literal = kvctl_given(request->options, KVCTL_BIT(LITERAL));
    const bool is_stdin = !literal && strcmp(word, "-") == 0;
    if (literal || (!is_stdin && word[0] != '@')) {
        return decode(request, "value", kv_bytes_of(word, strlen(word)), ret);
    }
    if (is_stdin && request->stdin_used) {
        return kvctl_fail(request->options, KVCTL_EXIT_USAGE,
                          "%s: only one value can come from stdin", request->command->name);
    }
    request->stdin_used = request->stdin_used || is_stdin;
    const int descriptor = is_stdin ? STDIN_FILENO : open(word + 1, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return kvctl_fail(request->options, KVCTL_EXIT_USAGE,
                          "%s: cannot read %s: %s; for a value that begins with @ use --literal",
                          request->command->name, word + 1, strerror(errno));
    }
    struct kv_buffer content = {0};
    enum kvctl_exit code = read_all(request, descriptor, is_stdin ? "stdin" : word + 1, &content);
    if (!is_stdin) {
        close(descriptor);
    }
    if (code == KVCTL_EXIT_OK) {
        code = decode(request, "value", bytes_of(&content), ret);
    }
    kv_buffer_close(&content);
    return code;
}

static enum kvctl_exit build_many(struct request *request, struct kvctl_arguments arguments)
{
    const bool pairs = request->op.code == KV_OP_MPUT;
    const uint32_t step = pairs ? 2 : 1;
    if (arguments.count % step != 0) {
        return kvctl_fail(request->options, KVCTL_EXIT_USAGE, "mput: the last key has no value");
    }
    if (arguments.count / step > KV_COMMAND_KEYS_MAX) {
        return kvctl_fail(request->options, KVCTL_EXIT_LIMIT, "%s: at most %d keys in one command",
                          request->command->name, KV_COMMAND_KEYS_MAX);
    }
    enum kvctl_exit code = KVCTL_EXIT_OK;
    for (uint32_t i = 0; i < arguments.count && code == KVCTL_EXIT_OK; i += step) {
        code = key_of(request, arguments.words[i], &request->keys[i / step]);
        if (pairs && code == KVCTL_EXIT_OK) {
            code = value_of(request, arguments.words[i + 1], &request->values[i / step]);
        }
    }
    request->op.keys = request->keys;
    request->op.values = request->values;
    request->op.count = arguments.count / step;
    return code;
}

static enum kvctl_exit build_scan(struct request *request, struct kvctl_arguments arguments)
{
    const char *prefix = request->options->prefix;
    enum kvctl_exit code = KVCTL_EXIT_OK;
    if (prefix != NULL && arguments.count > 0) {
        return kvctl_fail(request->options, KVCTL_EXIT_USAGE,
                          "scan: --prefix and FROM exclude each other; give one of them");
    }
    request->op.limit = request->options->limit;
    if (prefix != NULL) {
        code = key_of(request, prefix, &request->op.from);
        struct kv_buffer *end = &request->buffers[request->buffer_count++];
        kvctl_prefix_end(request->op.from, end);
        request->op.to = bytes_of(end);
    }
    if (arguments.count > 0) {
        code = key_of(request, arguments.words[0], &request->op.from);
    }
    if (arguments.count > 1 && code == KVCTL_EXIT_OK) {
        code = key_of(request, arguments.words[1], &request->op.to);
    }
    return code;
}

static enum kvctl_exit build(struct request *request)
{
    const struct kvctl_arguments arguments = kvctl_arguments_of(request->command, request->options);
    kv_op *op = &request->op;
    op->code = (kv_op_code)request->command->detail;
    op->stale_ok = kvctl_given(request->options, KVCTL_BIT(STALE));
    if (op->code == KV_OP_MGET || op->code == KV_OP_MPUT) {
        return build_many(request, arguments);
    }
    if (op->code == KV_OP_SCAN) {
        return build_scan(request, arguments);
    }
    enum kvctl_exit code = key_of(request, arguments.words[0], &op->key);
    if (op->code == KV_OP_INCR) {
        op->number = 1;
        if (arguments.count > 1 && !kvctl_integer_parse(arguments.words[1], &op->number)) {
            return kvctl_fail(request->options, KVCTL_EXIT_USAGE,
                              "incr: '%s' is not a decimal 64-bit integer", arguments.words[1]);
        }
    } else if (op->code == KV_OP_CAS && code == KVCTL_EXIT_OK) {
        code = value_of(request, arguments.words[1], &op->expect);
        if (code == KVCTL_EXIT_OK) {
            code = value_of(request, arguments.words[2], &op->value);
        }
    } else if (arguments.count > 1 && code == KVCTL_EXIT_OK) {
        code = value_of(request, arguments.words[1], &op->value);
    }
    return code;
}

/* ---- Output ---- */

static void print_bytes(const struct kvctl_options *options, kv_bytes bytes)
{
    struct kv_buffer text = {0};
    kvctl_encode(options->encoding, bytes, &text);
    if (text.size > 0) {
        fwrite(text.data, 1, text.size, stdout);
    }
    kv_buffer_close(&text);
}

/* Rows as KEY and VALUE. In a table of utf8 what would break the columns is escaped. */
static void print_table(const struct request *request, const kv_result *result)
{
    const enum kvctl_encoding encoding = request->options->encoding == KVCTL_ENCODING_UTF8
                                             ? KVCTL_ENCODING_ESCAPE
                                             : request->options->encoding;
    struct kvctl_table table = {.columns = 2};
    kvctl_table_add(&table, "KEY");
    kvctl_table_add(&table, "VALUE");
    for (uint32_t i = 0; i < kv_result_count(result); i++) {
        const bool keyed = request->op.code != KV_OP_GET;
        const kv_bytes key = keyed ? kv_result_key(result, i) : request->op.key;
        const bool present = kv_result_present(result, i);
        struct kv_buffer key_text = {0};
        struct kv_buffer value_text = {0};
        kvctl_encode(encoding, key, &key_text);
        if (present) {
            kvctl_encode(encoding, kv_result_value(result, i), &value_text);
        }
        kvctl_table_add(&table, "%.*s", (int)key_text.size, (const char *)key_text.data);
        kvctl_table_add(&table, "%.*s", (int)value_text.size,
                        value_text.size == 0 ? "" : (const char *)value_text.data);
        kv_buffer_close(&key_text);
        kv_buffer_close(&value_text);
    }
    kvctl_table_print(&table, stdout);
}

static void print_rows(const struct request *request, const kv_result *result)
{
    for (uint32_t i = 0; i < kv_result_count(result); i++) {
        if (kv_result_present(result, i)) {
            print_bytes(request->options, kv_result_key(result, i));
            fputc('\t', stdout);
            print_bytes(request->options, kv_result_value(result, i));
            fputc('\n', stdout);
        }
    }
}

static void print_text(const struct request *request, const kv_result *result)
{
    const kv_op_code code = request->op.code;
    const bool raw = kvctl_given(request->options, KVCTL_BIT(RAW));
    if (code == KV_OP_INCR) {
        printf("%lld\n", (long long)kv_result_number(result));
    } else if (kvctl_is_write(code)) {
        if (!kvctl_given(request->options, KVCTL_BIT(QUIET))) {
            printf("OK\n");
        }
    } else if (request->options->output == KVCTL_OUTPUT_TABLE) {
        print_table(request, result);
    } else if (code == KV_OP_GET) {
        print_bytes(request->options, kv_result_value(result, 0));
        if (!raw) {
            fputc('\n', stdout);
        }
    } else {
        print_rows(request, result);
    }
}

/* The answer as JSON with what the user asked for, on stdout if it is a result, else on stderr. */
static void print_answer(const struct request *request, kv_status status, const kv_result *result,
                         const char *text, enum kvctl_exit code)
{
    const struct kvctl_options *options = request->options;
    json_t *json = kvctl_answer_json(request->op.code, status, result, options->encoding, false);
    if (request->op.key.size > 0) {
        json_object_set_new(json, "key", kvctl_bytes_json(options->encoding, request->op.key));
    }
    if (request->op.code == KV_OP_MGET) {
        json_t *keys = json_array();
        for (uint32_t i = 0; i < request->op.count; i++) {
            json_array_append_new(keys, kvctl_bytes_json(options->encoding, request->keys[i]));
        }
        json_object_set_new(json, "keys", keys);
    }
    if (options->encoding != KVCTL_ENCODING_UTF8) {
        json_object_set_new(json, "encoding", json_string(kvctl_encoding_name(options->encoding)));
    }
    if (status != KV_OK) {
        json_object_set_new(json, "text",
                            kvctl_bytes_json(KVCTL_ENCODING_UTF8, kv_bytes_of(text, strlen(text))));
        json_object_set_new(json, "exit", json_integer((json_int_t)code));
    }
    kvctl_print_json(status == KV_OK ? stdout : stderr, json);
}

static enum kvctl_exit report_failure(const struct request *request, const kv_client *client,
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
        print_answer(request, status, result, text, code);
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

/* Rows that are not there, and rows behind the last one, are told. An mget with an absent key
 * ends with NOT_FOUND: what was found is printed all the same. */
static enum kvctl_exit note_rows(const struct request *request, const kv_result *result)
{
    enum kvctl_exit code = KVCTL_EXIT_OK;
    if (request->op.code == KV_OP_MGET) {
        for (uint32_t i = 0; i < kv_result_count(result); i++) {
            if (!kv_result_present(result, i)) {
                struct kv_buffer key = {0};
                kvctl_encode(KVCTL_ENCODING_ESCAPE, request->keys[i], &key);
                kvctl_note(request->options, "mget: no such key: %.*s", (int)key.size,
                           key.size == 0 ? "" : (const char *)key.data);
                kv_buffer_close(&key);
                code = KVCTL_EXIT_NOT_FOUND;
            }
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

static enum kvctl_exit run_request(struct request *request)
{
    kv_client *client = NULL;
    enum kvctl_exit code = build(request);
    if (code == KVCTL_EXIT_OK) {
        code = kvctl_connect_any(request->options, &client);
    }
    if (code != KVCTL_EXIT_OK) {
        return code;
    }
    kv_result *result = NULL;
    const uint64_t start_us = kv_now_us();
    kv_status status = kvctl_execute(&client, &request->op, &result);
    if (status == KV_OK && request->op.code == KV_OP_GET &&
        (kv_result_count(result) == 0 || !kv_result_present(result, 0))) {
        status = KV_NOT_FOUND;
    }
    if (status != KV_OK) {
        code = report_failure(request, client, status, result);
    } else if (request->options->output == KVCTL_OUTPUT_JSON) {
        print_answer(request, status, result, "", KVCTL_EXIT_OK);
        code = note_rows(request, result);
    } else {
        print_text(request, result);
        code = note_rows(request, result);
    }
    if (kvctl_given(request->options, KVCTL_BIT(VERBOSE)) && result != NULL) {
        kvctl_note(request->options,
                   "%s: partition %u, index %llu, timestamp %llu, %u sending(s), %.1f ms",
                   request->command->name, kv_result_group(result),
                   (unsigned long long)kv_result_index(result),
                   (unsigned long long)kv_result_timestamp(result), kv_result_attempts(result),
                   (double)(kv_now_us() - start_us) / 1000.0);
    }
    kv_result_free(result);
    kv_client_close(&client);
    return kvctl_flush(request->options, code);
}

enum kvctl_exit kvctl_run_data(const struct kvctl_command *command,
                               const struct kvctl_options *options)
{
    struct request *request = kv_alloc_zero(1, sizeof(*request));
    request->command = command;
    request->options = options;
    const enum kvctl_exit code = run_request(request);
    for (uint32_t i = 0; i < request->buffer_count; i++) {
        kv_buffer_close(&request->buffers[i]);
    }
    kv_free(request);
    return code;
}
