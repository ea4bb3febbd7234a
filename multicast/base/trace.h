/* SPDX-License-Identifier: Apache-2.0 */
/* trace: what a core decided and why, as text that is data.
 *
 * A core appends sentences "facts -> decision" to its tracer; the driver or a test reads and clears the text. Nothing
 * is written anywhere by itself, so tracing never breaks the purity of a core. A NULL tracer or a level below
 * the line's costs one comparison. The text is bounded: when it is full, the oldest half is dropped. */
#ifndef KV_BASE_TRACE_H
#define KV_BASE_TRACE_H

#include <stddef.h>

#include "multicast/base/bytes.h"

enum trace_level { TRACE_NONE, TRACE_DECISION, TRACE_DETAIL };

/* Bytes of text that a tracer keeps: a few thousand lines, enough to explain a failure. */
#define TRACE_BYTES_MAX (256 * 1024)

struct trace {
    enum trace_level level;
    struct kv_buffer text;
};

/* Append one line "prefix function: sentence\n". */
void trace_write(struct trace *trace, const char *prefix, const char *function, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

void trace_close(struct trace *trace);

/* Arguments are not evaluated when the level is off. */
#define TRACE_LINE(trace_, level_, prefix_, ...)                                                   \
    do {                                                                                           \
        if ((trace_) != NULL && (trace_)->level >= (level_)) {                                     \
            trace_write((trace_), (prefix_), __func__, __VA_ARGS__);                               \
        }                                                                                          \
    } while (0)

#endif
