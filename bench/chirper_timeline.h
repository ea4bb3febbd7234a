/* SPDX-License-Identifier: Apache-2.0 */
/* chirper_timeline: posts, and whether a timeline can be one.
 *
 * A post is CHIRPER_POST_BYTES of text that begins with its author and its number: "@00000007 #00000012 ...". A timeline is posts one
 * behind the other. Of one author they stand in the order of their numbers, because he writes the next one when the last one was
 * answered. */
#ifndef KV_BENCH_CHIRPER_TIMELINE_H
#define KV_BENCH_CHIRPER_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "client/lib/kv.h"

#define CHIRPER_POST_BYTES 140

/* A timeline that has more is cut by who reads it, to the last CHIRPER_POSTS_KEPT. */
#define CHIRPER_POSTS_MAX  64
#define CHIRPER_POSTS_KEPT 16

struct chirper_post {
    uint32_t author;
    uint32_t number; /* of the author's; from 1 on. 0: none */
};

void chirper_post_write(struct chirper_post post, char ret[CHIRPER_POST_BYTES]);

/* NULL, or what is wrong with a timeline. It was read after `last` (number 0: nothing) was written to it and answered. */
const char *chirper_timeline_check(kv_bytes timeline, struct chirper_post last);

#endif
