/* SPDX-License-Identifier: Apache-2.0 */
/* kv_machine: the machine of a partition: an ordered map from keys to values with versions.
 *
 * A version is the final timestamp of the command that wrote the value. The machine runs GET ..
 * SCAN of wire/command.h; a key whose home (wire_home_of) is another partition is answered STALE
 * with that partition as hint, SCAN excepted: it gives this partition's rows. Other operations are
 * UNSUPPORTED. A number is canonical decimal text: no blanks, plus, leading zeros or "-0". The
 * digest is the sum of XXH3-64 over (XXH3-64 of key, XXH3-64 of value, version) of all keys, modulo
 * 2^64, so a change costs O(1). */
#ifndef KV_KV_MACHINE_H
#define KV_KV_MACHINE_H

#include "partition/engine/machine.h"

/* An empty machine of partition `group` of `partitions` (both from 1). */
struct machine kv_machine_new(kv_group_id group, uint32_t partitions);

#endif
