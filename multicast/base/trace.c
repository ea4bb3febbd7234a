/* SPDX-License-Identifier: Apache-2.0 */
/* trace: lines of text in a bounded buffer. */
#include "multicast/base/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Longer lines are cut: a trace line is one sentence. */
#define TRACE_LINE_BYTES_MAX 512

static void drop_oldest_half(struct kv_buffer *text)
{
    size_t half = text->size / 2;
    const uint8_t *end_of_line = memchr(text->data + half, '\n', text->size - half);
    size_t cut = end_of_line == NULL ? text->size : (size_t)(end_of_line - text->data) + 1;
    memmove(text->data, text->data + cut, text->size - cut);
    text->size -= cut;
}

void trace_write(struct trace *trace, const char *prefix, const char *function, const char *format,
                 ...)
{
    char line[TRACE_LINE_BYTES_MAX];
    int head = snprintf(line, sizeof line, "%s %s: ", prefix, function);
    size_t used = head < 0 ? 0 : (size_t)head;
    if (used < sizeof line) {
        va_list arguments;
        va_start(arguments, format);
        int body = vsnprintf(line + used, sizeof line - used, format, arguments);
        va_end(arguments);
        used += body < 0 ? 0 : (size_t)body;
    }
    if (used > sizeof line - 2) {
        used = sizeof line - 2;
    }
    line[used++] = '\n';
    if (trace->text.size + used > TRACE_BYTES_MAX) {
        drop_oldest_half(&trace->text);
    }
    kv_buffer_append(&trace->text, line, used);
}

void trace_close(struct trace *trace)
{
    kv_buffer_close(&trace->text);
    trace->level = TRACE_NONE;
}
