/* SPDX-License-Identifier: Apache-2.0 */
/* state_image: a checkpoint as one file, for other members and for backups.
 *
 *   u64 magic  u16 group  u16 blobs  u16 tables  u16 0
 *   for each blob:  u8 bytes of the name  name  u64 bytes  content
 *   for each table: u8 bytes of the name  name  u64 rows, then for each by ascending key:
 *     u16 bytes of the key  u64+u16 version  u32 bytes of the value  key  value
 *                                                                                  all little endian, nothing behind it
 *
 * What reads it checks every size before it is believed, and the digest of all bytes before anything counts. */
#ifndef KV_KVD_STATE_IMAGE_H
#define KV_KVD_STATE_IMAGE_H

#include "partition/store/store_lmdb.h"

#define STATE_IMAGE_BLOBS_MAX 8

struct state_image_form {
    kv_group_id group;
    uint32_t blob_count;
    const char *blobs[STATE_IMAGE_BLOBS_MAX];
    uint32_t table_count;
    const char *tables[STORE_LMDB_TABLES_MAX];
};

/* Write what a view shows into a file, durably; how many bytes it has, and their XXH3-64. CORRUPT, IO, NO_SPACE. */
KV_MUST_CHECK enum status state_image_dump(const struct state_image_form *form,
                                           struct store_lmdb_view *view, const char *path,
                                           uint64_t *ret_bytes, uint64_t *ret_digest);

/* An image, or a part of a file that is one. */
struct state_image_source {
    const char *path;
    uint64_t offset;
    uint64_t bytes; /* STATE_IMAGE_TO_THE_END */
    uint64_t digest;
};
#define STATE_IMAGE_TO_THE_END UINT64_MAX

/* Put what an image holds into a new environment. CORRUPT: it is no whole image of this form and digest. The caller commits. */
KV_MUST_CHECK enum status state_image_load(const struct state_image_form *form,
                                           const struct state_image_source *source,
                                           struct store_lmdb_write *write);

#endif
