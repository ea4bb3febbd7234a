/* SPDX-License-Identifier: Apache-2.0 */
/* backup_file: the images of all groups at one timestamp, as one file.
 *
 *   u64 magic  u32 version  u32 partitions  u64+u16 cut  u64 creation, microseconds since 1970
 *   u16 bytes of the cluster's name  name  u16 groups
 *   for each group, ascending from the oracle's 0:  u16 group  u64 bytes  u64 XXH3-64 of the image  image
 *   u64 XXH3-64 of all before                                                       all little endian, nothing behind it
 *
 * 1. It is written front to back under another name, FILE.partial, and gets its own when it is whole and durable.
 * 2. What reads it looks at all of it before anything counts: sizes are not believed before the bytes are there, each image and the whole
 *    must have their digests. What an image means is not looked at here (oracle/kvd/state_image.h). */
#ifndef KV_BACKUP_BACKUP_FILE_H
#define KV_BACKUP_BACKUP_FILE_H

#include "multicast/base/bytes.h"
#include "multicast/base/ids.h"
#include "multicast/base/limits.h"
#include "multicast/base/status.h"

#define BACKUP_VERSION        1
#define BACKUP_NAME_BYTES_MAX 128

struct backup_head {
    uint32_t partitions; /* groups: one more */
    kv_timestamp cut;
    uint64_t created_us;
    char cluster[BACKUP_NAME_BYTES_MAX + 1];
};

/* Where the image of a group stands. */
struct backup_part {
    uint64_t offset, bytes, digest;
};

/* ---- Writing ---- */

struct backup_writer;

/* IO, NO_SPACE: errno tells more; *ret is NULL. */
KV_MUST_CHECK enum status backup_writer_new(const char *path, const struct backup_head *head,
                                            struct backup_writer **ret);

/* The image of the next group follows: so many bytes, with this digest. Then all of it, in pieces. */
KV_MUST_CHECK enum status backup_writer_begin(struct backup_writer *writer, uint64_t bytes,
                                              uint64_t digest);

/* CORRUPT: the image that ends with this piece has another digest; or it is longer than was said. */
KV_MUST_CHECK enum status backup_writer_piece(struct backup_writer *writer, kv_slice piece);

/* All images are there: the file is made durable and gets its name. */
KV_MUST_CHECK enum status backup_writer_finish(struct backup_writer **writer);

/* Whatever was written is removed. NULL inside is fine. */
void backup_writer_destroy(struct backup_writer **writer);

/* ---- Reading ---- */

struct backup_error {
    char text[512];
};

/* How far a long reading is. */
struct backup_progress {
    void (*tell)(void *context, uint64_t done, uint64_t total);
    void *context;
};

/* Read and check all of it; parts[g] is group g's. progress may be NULL. IO; VERSION; CORRUPT: a person is told where and why. */
KV_MUST_CHECK enum status
backup_file_check(const char *path, const struct backup_progress *progress, struct backup_head *ret,
                  struct backup_part ret_parts[KV_GROUPS_MAX], struct backup_error *error);

#endif
