/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_entry: hostile log entries, and the same bytes as a configuration.
 *
 * Property: what is read can be written (the encoder asserts every limit), and what was written
 * reads the same again. */
#include <stdint.h>

#include "multicast/base/assert.h"
#include "multicast/wire/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(kv_slice input, struct kv_buffer *first, struct kv_buffer *second)
{
    struct wire_entry *entry;
    if (wire_entry_decode(input, &entry) != STATUS_OK) {
        KV_ASSERT(entry == NULL);
        return;
    }
    wire_entry_encode(entry, first);
    wire_entry_drop(&entry);
    enum status status = wire_entry_decode(kv_buffer_slice(first), &entry);
    KV_ASSERT(status == STATUS_OK);
    wire_entry_encode(entry, second);
    wire_entry_drop(&entry);
    KV_ASSERT(kv_slice_equal(kv_buffer_slice(first), kv_buffer_slice(second)));
}

static void check_config(kv_slice input, struct kv_buffer *first, struct kv_buffer *second)
{
    struct wire_config config;
    if (wire_config_decode(input, &config) != STATUS_OK) {
        return;
    }
    wire_config_encode(&config, first);
    enum status status = wire_config_decode(kv_buffer_slice(first), &config);
    KV_ASSERT(status == STATUS_OK);
    wire_config_encode(&config, second);
    KV_ASSERT(kv_slice_equal(kv_buffer_slice(first), kv_buffer_slice(second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kv_buffer first = {0};
    struct kv_buffer second = {0};
    check_entry(kv_slice_of(data, size), &first, &second);
    kv_buffer_clear(&first);
    kv_buffer_clear(&second);
    check_config(kv_slice_of(data, size), &first, &second);
    kv_buffer_close(&first);
    kv_buffer_close(&second);
    return 0;
}
