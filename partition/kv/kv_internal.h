/* SPDX-License-Identifier: Apache-2.0 */
/* kv_internal: what the files of the KV machine share: kv_machine.c (dispatch, ownership),
 * kv_read.c, kv_write.c (operations), kv_number.c (decimal text), kv_save.c (bytes). */
#ifndef KV_KV_KV_INTERNAL_H
#define KV_KV_KV_INTERNAL_H

#include "multicast/base/assert.h"
#include "partition/kv/kv_machine.h"
#include "partition/kv/kv_map.h"

/* What an answer's encoding takes at most beside the keys and values of its rows: for all of it,
 * and for each row. */
#define KV_ANSWER_OVERHEAD_MAX     64
#define KV_ANSWER_ROW_OVERHEAD_MAX 16

struct kv_machine {
    struct kv_map *map;
    kv_group_id group;
    uint32_t partitions;
    struct kv_buffer scratch; /* a value that is being put together */
};

/* ---- kv_read.c: answers arrive with verdict OK and everything else zero ---- */

void kv_read_get(const struct kv_machine *machine, const struct wire_command *command,
                 struct wire_answer *ret);
void kv_read_mget(const struct kv_machine *machine, const struct wire_command *command,
                  struct wire_answer *ret);
void kv_read_scan(const struct kv_machine *machine, const struct wire_command *command,
                  struct wire_answer *ret);

/* ---- kv_write.c: likewise ---- */

void kv_write_put(struct kv_machine *machine, const struct wire_command *command,
                  kv_timestamp version, struct wire_answer *ret);
void kv_write_put_if_absent(struct kv_machine *machine, const struct wire_command *command,
                            kv_timestamp version, struct wire_answer *ret);
void kv_write_delete(struct kv_machine *machine, const struct wire_command *command,
                     struct wire_answer *ret);
void kv_write_cas(struct kv_machine *machine, const struct wire_command *command,
                  kv_timestamp version, struct wire_answer *ret);
void kv_write_incr(struct kv_machine *machine, const struct wire_command *command,
                   kv_timestamp version, struct wire_answer *ret);
void kv_write_append(struct kv_machine *machine, const struct wire_command *command,
                     kv_timestamp version, struct wire_answer *ret);

/* ---- kv_number.c ---- */

#define KV_NUMBER_BYTES_MAX 20 /* "-9223372036854775808" */

/* A canonical decimal number: an optional minus, digits without leading zeros, no "-0", within 64
 * bits. Those and only those are numbers, so that the text of a number and its value are one to
 * one. */
bool kv_number_parse(kv_slice text, int64_t *ret);

/* Write the canonical form; returns its size. */
size_t kv_number_format(int64_t number, char ret[KV_NUMBER_BYTES_MAX]);

/* ---- kv_save.c ---- */

void kv_save(const struct kv_machine *machine, struct kv_buffer *ret);

/* False: the bytes are no saved state of this partition; the map holds a part of them. */
bool kv_load(struct kv_machine *machine, kv_slice bytes);

#endif
