/* SPDX-License-Identifier: Apache-2.0 */
/* reference_places: whether the engines of a cluster at rest have every key where the reference has it, and nowhere else; and
 * whether home and oracle say so (P1). */
#ifndef KV_TESTS_REFERENCE_PLACES_H
#define KV_TESTS_REFERENCE_PLACES_H

#include "partition/engine/engine.h"
#include "tests/reference/reference.h"

#define REFERENCE_TEXT_BYTES 160

/* engines[g]: one of group g. True: all is well; else `text` says what is not. */
bool reference_places_agree(const struct reference *reference, struct engine *const *engines,
                            uint32_t partitions, char text[REFERENCE_TEXT_BYTES]);

/* The same of one key without a reference: whoever has it is right. */
bool reference_place_is_one(kv_slice key, struct engine *const *engines, uint32_t partitions,
                            char text[REFERENCE_TEXT_BYTES]);

#endif
