/* SPDX-License-Identifier: Apache-2.0 */
/* hash_table: uthash with the project's memory and hash function; include this instead of <uthash.h>. The order of iteration is that of
 * insertion, whatever the hash. */
#ifndef KV_BASE_HASH_TABLE_H
#define KV_BASE_HASH_TABLE_H

#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"

/* uthash's own (Jenkins) takes 200 instructions for the id of a message, this one 30. */
#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#define uthash_malloc(size)            kv_alloc(size)
#define uthash_free(memory, size)      kv_free(memory)
#define uthash_fatal(message)          KV_UNREACHABLE()
#define HASH_FUNCTION(key, size, hash) ((hash) = (unsigned)XXH3_64bits((key), (size)))

#include <uthash.h>

#endif
