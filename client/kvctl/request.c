/* SPDX-License-Identifier: Apache-2.0 */
/* request: from words to a kv_op. */
#include "client/kvctl/request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/kvctl/operation.h"

/* Bytes read from a file or stdin as one value: the largest value in the longest encoding
 * (\xNN), plus line ends. */
#define INPUT_BYTES_MAX (4 * KV_VALUE_BYTES_MAX + 64 * 1024)

static kv_bytes bytes_of(const struct kv_buffer *buffer)
{
    return kv_bytes_of(buffer->data, buffer->size);
}

/* Decode one text into a new buffer. */
static enum kvctl_exit decode(struct kvctl_request *request, const char *what, kv_bytes text,
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

static enum kvctl_exit key_of(struct kvctl_request *request, const char *word, kv_bytes *ret)
{
    return decode(request, "key", kv_bytes_of(word, strlen(word)), ret);
}

/* All bytes of a descriptor, at most so many. */
static enum kvctl_exit read_all(const struct kvctl_request *request, int descriptor,
                                const char *name, size_t max, struct kv_buffer *content)
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
        if (content->size > max) {
            return kvctl_fail(request->options, KVCTL_EXIT_LIMIT,
                              "%s: %s is too large; at most %zu bytes are read",
                              request->command->name, name, max);
        }
    }
}

/* A value: "-" is stdin, "@file" a file, anything else is itself. */
static enum kvctl_exit value_of(struct kvctl_request *request, const char *word, kv_bytes *ret)
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
    enum kvctl_exit code =
        read_all(request, descriptor, is_stdin ? "stdin" : word + 1, INPUT_BYTES_MAX, &content);
    if (!is_stdin) {
        close(descriptor);
    }
    if (code == KVCTL_EXIT_OK) {
        code = decode(request, "value", bytes_of(&content), ret);
    }
    kv_buffer_close(&content);
    return code;
}

static enum kvctl_exit build_many(struct kvctl_request *request, struct kvctl_arguments arguments)
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

static enum kvctl_exit build_scan(struct kvctl_request *request, struct kvctl_arguments arguments)
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

/* A whole transaction from a file or stdin. */
static enum kvctl_exit build_txn(struct kvctl_request *request, struct kvctl_arguments arguments)
{
    const char *name = arguments.count == 0 ? "-" : arguments.words[0];
    const bool is_stdin = strcmp(name, "-") == 0;
    const int descriptor = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return kvctl_fail(request->options, KVCTL_EXIT_USAGE, "txn: cannot read %s: %s", name,
                          strerror(errno));
    }
    struct kv_buffer text = {0};
    enum kvctl_exit code =
        read_all(request, descriptor, is_stdin ? "stdin" : name, KVCTL_TXN_BYTES_MAX, &text);
    if (!is_stdin) {
        close(descriptor);
    }
    if (code == KVCTL_EXIT_OK && !kvctl_txn_parse(&request->txn, request->options->encoding,
                                                  (const char *)text.data, text.size)) {
        code = kvctl_fail(request->options, KVCTL_EXIT_USAGE, "txn: %s: %s",
                          is_stdin ? "stdin" : name, request->txn.error);
    }
    kv_buffer_close(&text);
    kvctl_txn_fill(&request->txn, &request->op);
    return code;
}

static enum kvctl_exit build_one(struct kvctl_request *request, struct kvctl_arguments arguments)
{
    kv_op *op = &request->op;
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

/* --policy, --on, --least-loaded and --to. */
static enum kvctl_exit build_place(struct kvctl_request *request)
{
    const struct kvctl_options *options = request->options;
    kv_op *op = &request->op;
    op->policy = options->policy;
    op->least_loaded = kvctl_given(options, KVCTL_BIT(LEAST_LOADED));
    op->partition = op->code == KV_OP_MOVE ? options->to : options->on;
    if (op->code == KV_OP_MOVE && (op->partition == 0 || op->partition >= KV_GROUPS_MAX)) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE,
                          "move: --to must give the number of a partition, from 1 to %d",
                          KV_GROUPS_MAX - 1);
    }
    if (op->least_loaded && op->partition != 0) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE,
                          "create: --on and --least-loaded exclude each other; give one of them");
    }
    if (op->code != KV_OP_MOVE && op->code != KV_OP_CREATE && op->partition != 0 &&
        op->policy != KV_POLICY_MOVE && op->policy != KV_POLICY_BORROW) {
        return kvctl_fail(options, KVCTL_EXIT_USAGE,
                          "%s: --on goes with --policy move or --policy borrow",
                          request->command->name);
    }
    return KVCTL_EXIT_OK;
}

enum kvctl_exit kvctl_request_build(struct kvctl_request *request)
{
    const struct kvctl_arguments arguments = kvctl_arguments_of(request->command, request->options);
    kv_op *op = &request->op;
    op->code = (kv_op_code)request->command->detail;
    op->stale_ok = kvctl_given(request->options, KVCTL_BIT(STALE));
    op->no_wait = kvctl_given(request->options, KVCTL_BIT(NO_WAIT));
    op->token = request->options->token;
    op->ttl_ms = (uint32_t)request->options->ttl_ms;
    op->session = request->options->session;
    const char *inherited = getenv("KV_LOCK_TOKEN");
    if (op->token.clock == 0 && inherited != NULL && !op->stale_ok && !op->no_wait &&
        (request->command->options & KVCTL_BIT(TOKEN)) != 0 && op->code != KV_OP_SCAN &&
        op->code != KV_OP_CREATE && !kvctl_token_parse(inherited, &op->token)) {
        return kvctl_fail(request->options, KVCTL_EXIT_USAGE,
                          "$KV_LOCK_TOKEN is no token of a lock: '%s'", inherited);
    }
    const enum kvctl_exit code = build_place(request);
    if (code != KVCTL_EXIT_OK) {
        return code;
    }
    switch (op->code) {
    case KV_OP_MGET:
    case KV_OP_MPUT:
    case KV_OP_MOVE:
    case KV_OP_WHERE:
    case KV_OP_LOCK:
        return build_many(request, arguments);
    case KV_OP_DELETE:
        return arguments.count > 1 ? build_many(request, arguments) : build_one(request, arguments);
    case KV_OP_SCAN:
        return build_scan(request, arguments);
    case KV_OP_TXN:
        return build_txn(request, arguments);
    case KV_OP_MARK:
    case KV_OP_UNLOCK:
    case KV_OP_KEEPALIVE:
    case KV_OP_SESSION:
    case KV_OP_CLIENT_END:
        return KVCTL_EXIT_OK;
    case KV_OP_PARTITIONS:
    case KV_OP_HISTORY:
    case KV_OP_LOCKS:
    case KV_OP_SESSIONS:
        op->limit = request->options->limit;
        return KVCTL_EXIT_OK;
    case KV_OP_GET:
    case KV_OP_PUT:
    case KV_OP_PUT_IF_ABSENT:
    case KV_OP_CAS:
    case KV_OP_INCR:
    case KV_OP_APPEND:
    case KV_OP_CREATE:
        return build_one(request, arguments);
    }
    return KVCTL_EXIT_USAGE;
}

struct kvctl_request *kvctl_request_new(const struct kvctl_command *command,
                                        const struct kvctl_options *options)
{
    struct kvctl_request *request = kv_alloc_zero(1, sizeof(*request));
    request->command = command;
    request->options = options;
    return request;
}

void kvctl_request_destroy(struct kvctl_request **request)
{
    if (*request == NULL) {
        return;
    }
    for (uint32_t i = 0; i < (*request)->buffer_count; i++) {
        kv_buffer_close(&(*request)->buffers[i]);
    }
    kvctl_txn_close(&(*request)->txn);
    kv_free(*request);
    *request = NULL;
}
