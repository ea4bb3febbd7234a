/* SPDX-License-Identifier: Apache-2.0 */
/* store_lmdb_record: u64 hash (kv_map_row_hash of the key, value and version)  u64+u16 version  value.
 *
 * A piece of a blob is a record, too; its version's clock is the size of the blob, its group 0. */
#include <endian.h>
#include <string.h>

#include "partition/store/store_lmdb_internal.h"

void store_lmdb_record_encode(uint64_t hash, kv_timestamp version, kv_slice value,
                              struct kv_buffer *ret)
{
    const uint64_t words[] = {htole64(hash), htole64(version.clock.value)};
    const uint16_t group = htole16(version.group.value);
    _Static_assert(sizeof(words) + sizeof(group) == STORE_LMDB_RECORD_OVERHEAD,
                   "as the limit says");
    kv_buffer_clear(ret);
    kv_buffer_append(ret, words, sizeof(words));
    kv_buffer_append(ret, &group, sizeof(group));
    kv_buffer_append(ret, value.data, value.size);
}

enum status store_lmdb_record_decode(kv_slice key, kv_slice record, struct kv_map_row *ret)
{
    uint64_t words[2];
    uint16_t group;
    if (key.size == 0 || key.size > KV_KEY_BYTES_MAX || record.size < STORE_LMDB_RECORD_OVERHEAD ||
        record.size - STORE_LMDB_RECORD_OVERHEAD > KV_VALUE_BYTES_MAX) {
        return STATUS_CORRUPT;
    }
    memcpy(words, record.data, sizeof(words));
    memcpy(&group, record.data + sizeof(words), sizeof(group));
    *ret = (struct kv_map_row){
        .key = key,
        .value = kv_slice_of(record.data + STORE_LMDB_RECORD_OVERHEAD,
                             record.size - STORE_LMDB_RECORD_OVERHEAD),
        .version = {{le64toh(words[1])}, {le16toh(group)}},
        .hash = le64toh(words[0]),
    };
    return kv_map_row_hash(ret->key, ret->value, ret->version) == ret->hash ? STATUS_OK
                                                                            : STATUS_CORRUPT;
}

void store_lmdb_blob_key(const char *name, uint32_t number, struct store_lmdb_blob_key *ret)
{
    const size_t size = strlen(name);
    const uint32_t big = htobe32(number);
    KV_ASSERT(size >= 1 && size <= STORE_LMDB_NAME_BYTES_MAX);
    memcpy(ret->bytes, name, size + 1);
    memcpy(ret->bytes + size + 1, &big, sizeof(big));
    ret->size = size + 1 + sizeof(big);
}
