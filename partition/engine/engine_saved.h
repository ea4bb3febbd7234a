/* SPDX-License-Identifier: Apache-2.0 */
/* engine_saved: what engine_save.c and engine_load.c agree on. The layout stands in engine_save.c. */
#ifndef KV_ENGINE_ENGINE_SAVED_H
#define KV_ENGINE_ENGINE_SAVED_H

#include "partition/engine/engine_internal.h"

#define ENGINE_SAVE_MAGIC UINT32_C(0x3345564b) /* "KVE3" */
#define ENGINE_SAVE_MAGIC_HEAD                                                                     \
    UINT32_C(0x3348564b) /* "KVH3": without the rows of the machine's stores */

/* Flags of a run. */
#define ENGINE_SAVED_HAS_SESSION 1u
#define ENGINE_SAVED_ANSWERS     2u
#define ENGINE_SAVED_KNOWN       4u
#define ENGINE_SAVED_RUN_FLAGS   7u

/* Flags of a vote: it is there; it is in the log, or acknowledged. */
#define ENGINE_SAVED_PRESENT    1u
#define ENGINE_SAVED_SETTLED    2u
#define ENGINE_SAVED_VOTE_FLAGS 3u

#endif
