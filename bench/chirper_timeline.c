/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing of posts. */
#include "bench/chirper_timeline.h"

#include <stdio.h>
#include <string.h>

#include "multicast/base/assert.h"

#define DIGITS     8
#define HEAD_BYTES (2 * (DIGITS + 2)) /* "@00000007 #00000012 " */

void chirper_post_write(struct chirper_post post, char ret[CHIRPER_POST_BYTES])
{
    char head[HEAD_BYTES + 1];

    KV_ASSERT(post.author < 100000000 && post.number < 100000000);
    snprintf(head, sizeof head, "@%08u #%08u ", post.author, post.number);
    memcpy(ret, head, HEAD_BYTES);
    for (uint32_t i = HEAD_BYTES; i < CHIRPER_POST_BYTES; i++) {
        ret[i] = (char)('a' + (post.author + post.number + i) % 26);
    }
}

static bool read_digits(const char *text, uint32_t *ret)
{
    uint32_t number = 0;

    for (int i = 0; i < DIGITS; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        number = number * 10 + (uint32_t)(text[i] - '0');
    }
    *ret = number;
    return true;
}

static bool read_post(const char *text, struct chirper_post *ret)
{
    char again[CHIRPER_POST_BYTES];

    if (text[0] != '@' || !read_digits(text + 1, &ret->author) ||
        !read_digits(text + DIGITS + 3, &ret->number)) {
        return false;
    }
    chirper_post_write(*ret, again);
    return memcmp(text, again, sizeof again) == 0;
}

const char *chirper_timeline_check(kv_bytes timeline, struct chirper_post last)
{
    const char *text = timeline.data;
    const size_t count = timeline.size / CHIRPER_POST_BYTES;
    bool found = last.number == 0;

    if (timeline.size % CHIRPER_POST_BYTES != 0) {
        return "has a piece of a post";
    }
    for (size_t i = 0; i < count; i++) {
        struct chirper_post post = {0}, other = {0};

        if (!read_post(text + i * CHIRPER_POST_BYTES, &post)) {
            return "has something that is no post";
        }
        found = found || (post.author == last.author && post.number >= last.number);
        /* The next one of the author before it, if there is one. */
        for (size_t k = i; k-- > 0;) {
            (void)read_digits(text + k * CHIRPER_POST_BYTES + 1, &other.author);
            (void)read_digits(text + k * CHIRPER_POST_BYTES + DIGITS + 3, &other.number);
            if (other.author == post.author) {
                if (other.number >= post.number) {
                    return "has posts of one author twice or in the wrong order";
                }
                break;
            }
        }
    }
    /* With fewer posts than a cut leaves, none was cut off. */
    return found || count >= CHIRPER_POSTS_KEPT ? NULL : "lacks a post that was answered";
}
