/* SPDX-License-Identifier: Apache-2.0 */
/* store_lmdb_head: the record "head" of the table "head".
 *
 *   8 bytes "KVSTHEAD"  u32 format version  u32 tables  u64 cluster  u16 group  u16 node  u32 zero
 *   u64 generation  u64 number of LMDB's transaction
 *   for each table, the blobs last:  16 bytes name, filled up with zeros  u64 count  u64 digest
 *   u64 XXH3-64 of all before
 *
 * Magic, version and checksum stand where they are in every format version. The transaction's number tells when damage has made LMDB
 * take another page for its newest. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <endian.h>
#include <string.h>

#include "partition/store/store_lmdb_internal.h"

#define HEAD_MAGIC      "KVSTHEAD"
#define HEAD_VERSION    1u
#define HEAD_NAME_BYTES (STORE_LMDB_NAME_BYTES_MAX + 1)

struct head_fixed {
    char magic[8];
    uint32_t version;
    uint32_t tables;
    uint64_t cluster;
    uint16_t group;
    uint16_t node;
    uint32_t zero;
    uint64_t generation;
    uint64_t transaction;
};

struct head_table {
    char name[HEAD_NAME_BYTES];
    uint64_t count;
    uint64_t digest;
};

/* As on disk: the fields are where they are without padding. */
struct head_bytes {
    struct head_fixed fixed;
    struct head_table tables[STORE_LMDB_SUMS_MAX];
    uint64_t room_for_checksum;
};
_Static_assert(sizeof(struct head_fixed) == 48 && sizeof(struct head_table) == 32, "no padding");

static size_t head_size(const struct store_lmdb *lmdb)
{
    return sizeof(struct head_fixed) + (lmdb->options.table_count + 1) * sizeof(struct head_table) +
           sizeof(uint64_t);
}

static const char *head_table_name(const struct store_lmdb *lmdb, uint32_t table)
{
    return table < lmdb->options.table_count ? lmdb->names[table] : "blobs";
}

enum status store_lmdb_head_put(const struct store_lmdb *lmdb, MDB_txn *txn,
                                const struct store_lmdb_head *head)
{
    const struct store_lmdb_options *options = &lmdb->options;
    struct head_bytes bytes = {
        .fixed = {.magic = HEAD_MAGIC,
                  .version = htole32(HEAD_VERSION),
                  .tables = htole32(options->table_count + 1),
                  .cluster = htole64(options->cluster.value),
                  .group = htole16(options->group.value),
                  .node = htole16(options->node.value),
                  .generation = htole64(head->generation),
                  .transaction = htole64((uint64_t)mdb_txn_id(txn))},
    };
    for (uint32_t t = 0; t <= options->table_count; t++) {
        strcpy(bytes.tables[t].name, head_table_name(lmdb, t));
        bytes.tables[t].count = htole64(head->sums[t].count);
        bytes.tables[t].digest = htole64(head->sums[t].digest);
    }
    const size_t size = head_size(lmdb) - sizeof(uint64_t);
    const uint64_t sum = htole64(XXH3_64bits(&bytes, size));
    memcpy((uint8_t *)&bytes + size, &sum, sizeof(sum));
    MDB_val key = store_lmdb_val(kv_slice_of_text("head"));
    MDB_val value = {.mv_size = head_size(lmdb), .mv_data = &bytes};
    return store_lmdb_status(mdb_put(txn, lmdb->head, &key, &value, 0));
}

static enum status head_check_owner(const struct store_lmdb *lmdb, const struct head_fixed *fixed)
{
    const struct store_lmdb_options *options = &lmdb->options;
    return le64toh(fixed->cluster) == options->cluster.value &&
                   le16toh(fixed->group) == options->group.value &&
                   le16toh(fixed->node) == options->node.value
               ? STATUS_OK
               : STATUS_FOREIGN;
}

static enum status head_decode(const struct store_lmdb *lmdb, kv_slice record,
                               struct head_bytes *bytes)
{
    struct head_fixed fixed;
    uint64_t sum;
    if (record.size < sizeof(fixed) + sizeof(sum)) {
        return STATUS_CORRUPT;
    }
    const size_t size = record.size - sizeof(sum);
    memcpy(&fixed, record.data, sizeof(fixed));
    memcpy(&sum, record.data + size, sizeof(sum));
    if (memcmp(fixed.magic, HEAD_MAGIC, sizeof(fixed.magic)) != 0 ||
        le64toh(sum) != XXH3_64bits(record.data, size)) {
        return STATUS_CORRUPT;
    }
    if (le32toh(fixed.version) != HEAD_VERSION) {
        return STATUS_VERSION;
    }
    const enum status status = head_check_owner(lmdb, &fixed);
    if (status != STATUS_OK) {
        return status;
    }
    if (record.size != head_size(lmdb) || le32toh(fixed.tables) != lmdb->options.table_count + 1) {
        return STATUS_VERSION;
    }
    memcpy(bytes, record.data, size);
    for (uint32_t t = 0; t <= lmdb->options.table_count; t++) {
        if (strncmp(bytes->tables[t].name, head_table_name(lmdb, t), HEAD_NAME_BYTES) != 0) {
            return STATUS_VERSION;
        }
    }
    return STATUS_OK;
}

enum status store_lmdb_head_get(const struct store_lmdb *lmdb, MDB_txn *txn,
                                struct store_lmdb_head *ret)
{
    MDB_val key = store_lmdb_val(kv_slice_of_text("head"));
    MDB_val value;
    struct head_bytes bytes;
    const int code = mdb_get(txn, lmdb->head, &key, &value);
    if (code == MDB_NOTFOUND) {
        return STATUS_CORRUPT;
    }
    enum status status = store_lmdb_status(code);
    if (status == STATUS_OK) {
        status = head_decode(lmdb, store_lmdb_slice(value), &bytes);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (le64toh(bytes.fixed.transaction) != (uint64_t)mdb_txn_id(txn)) {
        return STATUS_CORRUPT;
    }
    ret->generation = le64toh(bytes.fixed.generation);
    for (uint32_t t = 0; t <= lmdb->options.table_count; t++) {
        ret->sums[t] =
            (struct store_sum){le64toh(bytes.tables[t].count), le64toh(bytes.tables[t].digest)};
    }
    return STATUS_OK;
}
