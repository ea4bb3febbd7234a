/* SPDX-License-Identifier: Apache-2.0 */
/* wire_random: random messages, entries, commands and answers that obey every limit, and their
 * comparison field by field.
 *
 * Numbers and sizes prefer the edges of their encodings (127, 128, 255, 256, ...), where codecs go
 * wrong. */
#ifndef KV_TESTS_WIRE_RANDOM_H
#define KV_TESTS_WIRE_RANDOM_H

#include "multicast/base/prng.h"
#include "multicast/wire/codec.h"
#include "multicast/wire/command.h"

/* Slices of what is made point into `pool`, everything else is owned and replaced by the next of
 * its kind. */
struct wire_random {
    struct kv_prng prng;
    uint8_t *pool;
    struct wire_entry **entries;
    uint32_t entry_count;
    struct wire_node *nodes;
    struct wire_group *groups;
    struct wire_member_status *members;
    struct kv_buffer changes;
};

void wire_random_init(struct wire_random *random, uint64_t seed);
void wire_random_close(struct wire_random *random);

/* Every kind of message, in the order of the table. */
extern const enum wire_message_kind WIRE_RANDOM_KINDS[];
extern const size_t WIRE_RANDOM_KIND_COUNT;

/* A number of 0..max, a slice of at most max bytes. */
uint64_t wire_random_number(struct wire_random *random, uint64_t max);
kv_slice wire_random_bytes(struct wire_random *random, size_t max);

void wire_random_message(struct wire_random *random, enum wire_message_kind kind,
                         struct wire_message *ret);
void wire_random_config(struct wire_random *random, struct wire_config *ret);

/* The caller drops it. */
struct wire_entry *wire_random_entry(struct wire_random *random, kv_index index);

void wire_random_command(struct wire_random *random, struct wire_command *ret);
void wire_random_answer(struct wire_random *random, struct wire_answer *ret);

bool wire_message_equal(const struct wire_message *a, const struct wire_message *b);
bool wire_config_equal(const struct wire_config *a, const struct wire_config *b);
bool wire_entry_equal(const struct wire_entry *a, const struct wire_entry *b);
bool wire_command_equal(const struct wire_command *a, const struct wire_command *b);
bool wire_answer_equal(const struct wire_answer *a, const struct wire_answer *b);

#endif
