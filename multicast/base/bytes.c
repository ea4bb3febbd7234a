/* SPDX-License-Identifier: Apache-2.0 */
/* bytes: memory that is there, slices and buffers. */
#include "multicast/base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multicast/base/assert.h"

/* The first allocation of a buffer: most commands fit. */
#define BUFFER_BYTES_FIRST 256

/* sysexits has no code for this; 12 is ENOMEM. */
#define EXIT_NO_MEMORY 12

static _Noreturn void no_memory(size_t size)
{
    fprintf(stderr, "out of memory: %zu bytes wanted; give the process more or lower its load\n",
            size);
    _Exit(EXIT_NO_MEMORY);
}

void *kv_alloc(size_t size)
{
    void *memory = malloc(size == 0 ? 1 : size);
    if (memory == NULL) {
        no_memory(size);
    }
    return memory;
}

void *kv_alloc_zero(size_t count, size_t size)
{
    void *memory = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);
    if (memory == NULL) {
        no_memory(count * size);
    }
    return memory;
}

void *kv_realloc(void *memory, size_t size)
{
    void *moved = realloc(memory, size == 0 ? 1 : size);
    if (moved == NULL) {
        no_memory(size);
    }
    return moved;
}

void kv_free(void *memory)
{
    free(memory);
}

kv_slice kv_slice_of_text(const char *text)
{
    return kv_slice_of(text, strlen(text));
}

bool kv_slice_equal(kv_slice a, kv_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

int kv_slice_compare(kv_slice a, kv_slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0) {
        return order;
    }
    return a.size < b.size ? -1 : a.size > b.size;
}

void kv_buffer_reserve(struct kv_buffer *buffer, size_t more)
{
    KV_ASSERT(more <= SIZE_MAX / 4 && buffer->size <= SIZE_MAX / 4);
    size_t needed = buffer->size + more;
    if (needed <= buffer->capacity) {
        return;
    }
    size_t capacity = buffer->capacity == 0 ? BUFFER_BYTES_FIRST : buffer->capacity;
    while (capacity < needed) {
        capacity *= 2;
    }
    buffer->data = kv_realloc(buffer->data, capacity);
    buffer->capacity = capacity;
}

void kv_buffer_append(struct kv_buffer *buffer, const void *data, size_t size)
{
    if (size == 0) {
        return;
    }
    kv_buffer_reserve(buffer, size);
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

void kv_buffer_close(struct kv_buffer *buffer)
{
    kv_free(buffer->data);
    *buffer = (struct kv_buffer){0};
}
