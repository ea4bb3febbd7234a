/* SPDX-License-Identifier: Apache-2.0 */
/* bytes: borrowed views and growable buffers of bytes.
 *
 * A kv_slice borrows; a kv_buffer owns. Memory comes from kv_alloc, which ends the process with a clear line
 * when there is none: all sizes are bounded by limits.h, so this is an operator's limit, not an input's doing. */
#ifndef KV_BASE_BYTES_H
#define KV_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed bytes; data may be NULL when size is 0. */
typedef struct {
    const uint8_t *data;
    size_t size;
} kv_slice;

/* Owned bytes; zero-initialised is a valid empty buffer. */
struct kv_buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

/* Memory, never NULL: ends the process (exit status 12) when there is none. kv_alloc_zero clears it. */
void *kv_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *kv_alloc_zero(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *kv_realloc(void *memory, size_t size) __attribute__((returns_nonnull));
void kv_free(void *memory);

static inline kv_slice kv_slice_of(const void *data, size_t size)
{
    return (kv_slice){(const uint8_t *)data, size};
}

/* A slice of a C string, without its final NUL. */
kv_slice kv_slice_of_text(const char *text);

bool kv_slice_equal(kv_slice a, kv_slice b);

/* Lexicographic order of unsigned bytes; <0, 0, >0. */
int kv_slice_compare(kv_slice a, kv_slice b);

/* Make room for `more` bytes behind size. The pointer data may change. */
void kv_buffer_reserve(struct kv_buffer *buffer, size_t more);

/* Append a copy of size bytes. */
void kv_buffer_append(struct kv_buffer *buffer, const void *data, size_t size);

/* Forget the content, keep the memory. */
static inline void kv_buffer_clear(struct kv_buffer *buffer)
{
    buffer->size = 0;
}

/* Free the memory; the buffer is empty and valid afterwards. */
void kv_buffer_close(struct kv_buffer *buffer);

static inline kv_slice kv_buffer_slice(const struct kv_buffer *buffer)
{
    return (kv_slice){buffer->data, buffer->size};
}

#endif
