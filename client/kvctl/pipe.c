/* SPDX-License-Identifier: Apache-2.0 */
/* pipe: one JSON operation per input line, one JSON answer per output line, many in flight.
 *
 * One loop over three descriptors: stdin, the client and stdout. Nothing in it waits for one
 * while another could go on:
 * 1. Complete lines of the input buffer are submitted while less than PIPE_OUTSTANDING_MAX are
 *    in flight.
 * 2. kv_client_run(0) completes what has been answered; the callback appends the answer to the
 *    output buffer.
 * 3. The output buffer is written as far as stdout takes it, in pieces that a pipe takes without
 *    blocking.
 * 4. poll. stdin is watched only when there is room for what it would bring.
 * At the end of the input the loop goes on until nothing is in flight and everything is written. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/kvctl/command.h"
#include "client/kvctl/operation.h"
#include "client/kvctl/target.h"

/* Operations in flight: the most the library takes. */
#define PIPE_OUTSTANDING_MAX 1024

/* Bytes read from stdin at once: what a pipe holds. */
#define READ_BYTES (64 * 1024)

/* Bytes of answers not yet written beyond which no new operation is started: bounds memory when
 * nobody reads. Answers of what is in flight still fit behind it. */
#define OUTPUT_BYTES_MAX (16 * 1024 * 1024)

/* Longest sleep, so that an interrupt is seen. */
#define POLL_MS_MAX 100

struct pipeline {
    kv_client *client;
    struct kv_buffer input;
    size_t input_start;   /* of the first line not yet taken */
    size_t input_scanned; /* up to here there is no end of that line */
    struct kv_buffer output;
    size_t output_start;
    bool input_ended;
    bool skipping;    /* inside of a line that is too long and has been answered */
    bool output_lost; /* nobody reads any more */
    bool any_in_doubt;
    struct kvctl_operation parked; /* parsed, but the library was busy */
    bool has_parked;
};

/* What an answer needs of its request. */
struct flight {
    struct pipeline *pipeline;
    kv_op_code code;
    json_t *id;
};

static int append_output(const char *data, size_t size, void *context)
{
    kv_buffer_append(context, data, size);
    return 0;
}

/* Append an answer line: id first, then the rest. Frees answer. */
static void answer(struct pipeline *pipeline, json_t *id, json_t *rest)
{
    json_t *line = json_object();
    json_object_set(line, "id", id);
    json_object_update(line, rest);
    json_dump_callback(line, append_output, &pipeline->output, JSON_COMPACT);
    kv_buffer_append(&pipeline->output, "\n", 1);
    json_decref(line);
    json_decref(rest);
}

static void answer_operation(struct pipeline *pipeline, json_t *id, kv_op_code code,
                             kv_status status, const kv_result *result)
{
    if (kvctl_is_write(code) && kv_status_in_doubt(status)) {
        pipeline->any_in_doubt = true;
    }
    answer(pipeline, id, kvctl_answer_json(code, status, result, KVCTL_ENCODING_UTF8, true));
}

static void on_done(void *context, kv_status status, kv_result *result)
{
    struct flight *flight = context;
    answer_operation(flight->pipeline, flight->id, flight->code, status, result);
    json_decref(flight->id);
    kv_free(flight);
}

/* Submit what is parked. False: the library is busy, and something in flight will make room. */
static bool submit_parked(struct pipeline *pipeline)
{
    struct kvctl_operation *operation = &pipeline->parked;
    if (operation->timeout_ms > 0 && operation->op.deadline_us == 0) {
        operation->op.deadline_us = kv_now_us() + (uint64_t)operation->timeout_ms * 1000;
    }
    struct flight *flight = kv_alloc(sizeof(*flight));
    *flight = (struct flight){pipeline, operation->op.code, json_incref(operation->id)};
    const kv_status status = kv_submit(pipeline->client, &operation->op, on_done, flight);
    if (status != KV_OK) {
        json_decref(flight->id);
        kv_free(flight);
        if (status == KV_BUSY && kv_client_outstanding(pipeline->client) > 0) {
            return false;
        }
        answer_operation(pipeline, operation->id, operation->op.code, status, NULL);
    }
    kvctl_operation_close(operation);
    pipeline->has_parked = false;
    return true;
}

static void take_line(struct pipeline *pipeline, const char *line, size_t size)
{
    if (size > 0 && line[size - 1] == '\r') {
        size--;
    }
    size_t blank = 0;
    while (blank < size && (line[blank] == ' ' || line[blank] == '\t')) {
        blank++;
    }
    if (blank == size) {
        return;
    }
    if (kvctl_operation_parse(&pipeline->parked, line, size)) {
        pipeline->has_parked = true;
        return;
    }
    answer(pipeline, pipeline->parked.id, kvctl_bad_request_json(pipeline->parked.error));
    kvctl_operation_close(&pipeline->parked);
}

/* The next line of the input buffer, or the rest at the end of the input. */
static bool next_line(struct pipeline *pipeline, const char **ret_line, size_t *ret_size)
{
    struct kv_buffer *input = &pipeline->input;
    const char *data = (const char *)input->data;
    if (pipeline->input_scanned >= input->size && !pipeline->input_ended) {
        return false;
    }
    if (pipeline->input_start == input->size) {
        return false;
    }
    const char *line = data + pipeline->input_start;
    const char *end =
        pipeline->input_scanned >= input->size
            ? NULL
            : memchr(data + pipeline->input_scanned, '\n', input->size - pipeline->input_scanned);
    pipeline->input_scanned = input->size;
    if (end == NULL && !pipeline->input_ended) {
        return false;
    }
    *ret_line = line;
    *ret_size = end == NULL ? input->size - pipeline->input_start : (size_t)(end - line);
    pipeline->input_start += *ret_size + (end == NULL ? 0 : 1);
    pipeline->input_scanned = pipeline->input_start;
    return true;
}

/* A line that does not fit is answered once and skipped up to its end. */
static void drop_long_line(struct pipeline *pipeline)
{
    struct kv_buffer *input = &pipeline->input;
    if (input->size - pipeline->input_start <= KVCTL_LINE_BYTES_MAX) {
        return;
    }
    if (!pipeline->skipping) {
        char text[64];
        snprintf(text, sizeof(text), "a line has at most %d bytes", KVCTL_LINE_BYTES_MAX);
        json_t *id = json_null();
        answer(pipeline, id, kvctl_bad_request_json(text));
        json_decref(id);
        pipeline->skipping = true;
    }
    pipeline->input_start = input->size;
    pipeline->input_scanned = input->size;
}

static bool has_room(const struct pipeline *pipeline)
{
    return kv_client_outstanding(pipeline->client) < PIPE_OUTSTANDING_MAX &&
           pipeline->output.size - pipeline->output_start < OUTPUT_BYTES_MAX;
}

/* Submit lines while there is room. True: there may be more of them. */
static bool take_lines(struct pipeline *pipeline)
{
    const char *line;
    size_t size;
    while (has_room(pipeline)) {
        if (pipeline->has_parked) {
            if (!submit_parked(pipeline)) {
                return false;
            }
            continue;
        }
        if (!next_line(pipeline, &line, &size)) {
            drop_long_line(pipeline);
            return false;
        }
        if (pipeline->skipping) {
            pipeline->skipping = false;
        } else {
            take_line(pipeline, line, size);
        }
    }
    return true;
}

/* Move what is left to the front when more than half has been taken. */
static void compact(struct kv_buffer *buffer, size_t *start, size_t *scanned)
{
    if (*start == 0 || *start < buffer->size / 2) {
        return;
    }
    memmove(buffer->data, buffer->data + *start, buffer->size - *start);
    buffer->size -= *start;
    if (scanned != NULL) {
        *scanned -= *start;
    }
    *start = 0;
}

static void read_input(struct pipeline *pipeline)
{
    compact(&pipeline->input, &pipeline->input_start, &pipeline->input_scanned);
    kv_buffer_reserve(&pipeline->input, READ_BYTES);
    const ssize_t size =
        read(STDIN_FILENO, pipeline->input.data + pipeline->input.size, READ_BYTES);
    if (size > 0) {
        pipeline->input.size += (size_t)size;
    } else if (size == 0 || (errno != EINTR && errno != EAGAIN)) {
        pipeline->input_ended = true;
    }
}

/* A pipe that polls writable takes PIPE_BUF bytes without blocking. */
static void write_output(struct pipeline *pipeline)
{
    struct pollfd writable = {.fd = STDOUT_FILENO, .events = POLLOUT};
    while (pipeline->output_start < pipeline->output.size && poll(&writable, 1, 0) > 0) {
        const size_t left = pipeline->output.size - pipeline->output_start;
        const ssize_t size = write(STDOUT_FILENO, pipeline->output.data + pipeline->output_start,
                                   left > PIPE_BUF ? PIPE_BUF : left);
        if (size < 0 && (errno == EINTR || errno == EAGAIN)) {
            break;
        }
        if (size < 0) {
            pipeline->output_lost = true;
            break;
        }
        pipeline->output_start += (size_t)size;
    }
    compact(&pipeline->output, &pipeline->output_start, NULL);
}

static void wait_for_something(struct pipeline *pipeline, bool more_lines)
{
    const bool reading = !pipeline->input_ended && !pipeline->has_parked && has_room(pipeline);
    const int client_ms = kv_client_timeout_ms(pipeline->client);
    struct pollfd fds[3] = {
        {.fd = reading ? STDIN_FILENO : -1, .events = POLLIN},
        {.fd = kv_client_fd(pipeline->client), .events = POLLIN},
        {.fd = pipeline->output_start < pipeline->output.size ? STDOUT_FILENO : -1,
         .events = POLLOUT},
    };
    int timeout_ms = client_ms < 0 || client_ms > POLL_MS_MAX ? POLL_MS_MAX : client_ms;
    if (more_lines && has_room(pipeline)) {
        timeout_ms = 0;
    }
    poll(fds, 3, timeout_ms);
    if (fds[0].revents != 0) {
        read_input(pipeline);
    }
}

static bool is_finished(const struct pipeline *pipeline)
{
    return pipeline->input_ended && !pipeline->has_parked &&
           pipeline->input_start == pipeline->input.size &&
           kv_client_outstanding(pipeline->client) == 0 &&
           pipeline->output_start == pipeline->output.size;
}

static enum kvctl_exit run_pipeline(struct pipeline *pipeline, const struct kvctl_options *options)
{
    while (!is_finished(pipeline) && !kvctl_interrupted() && !pipeline->output_lost) {
        const bool more_lines = take_lines(pipeline);
        kv_client_run(pipeline->client, 0);
        write_output(pipeline);
        if (!is_finished(pipeline)) {
            wait_for_something(pipeline, more_lines);
        }
    }
    if (kvctl_given(options, KVCTL_BIT(VERBOSE))) {
        fprintf(stderr, "%s\n", kv_client_stats_json(pipeline->client));
    }
    /* Interrupted or unread: everything that has been started still gets its answer, closed or
     * in doubt. */
    kv_client_close(&pipeline->client);
    while (pipeline->output_start < pipeline->output.size && !pipeline->output_lost) {
        struct pollfd writable = {.fd = STDOUT_FILENO, .events = POLLOUT};
        if (poll(&writable, 1, KVCTL_TIMEOUT_MS_DEFAULT) == 0) {
            break;
        }
        write_output(pipeline);
    }
    if (pipeline->output_lost) {
        return kvctl_fail(options, KVCTL_EXIT_FAILURE,
                          "pipe: stdout was closed; the answers of what was in flight are lost");
    }
    if (kvctl_interrupted()) {
        return KVCTL_EXIT_INTERRUPTED;
    }
    return pipeline->any_in_doubt ? KVCTL_EXIT_IN_DOUBT : KVCTL_EXIT_OK;
}

enum kvctl_exit kvctl_run_pipe(const struct kvctl_command *command,
                               const struct kvctl_options *options)
{
    (void)command;
    struct pipeline pipeline = {0};
    enum kvctl_exit code = kvctl_connect_any(options, &pipeline.client);
    if (code != KVCTL_EXIT_OK) {
        return code;
    }
    code = run_pipeline(&pipeline, options);
    if (pipeline.has_parked) {
        kvctl_operation_close(&pipeline.parked);
    }
    kv_buffer_close(&pipeline.input);
    kv_buffer_close(&pipeline.output);
    return code;
}
