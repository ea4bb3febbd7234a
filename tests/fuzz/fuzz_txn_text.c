/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_txn_text: hostile text, read as a transaction in every encoding.
 *
 * Property: it is refused with a reason, or it has at most KV_TXN_STEPS_MAX guards and steps, each
 * with a key; and what it borrows is inside of what it owns. */
#include <stdint.h>

#include "client/kvctl/txn.h"
#include "multicast/base/assert.h"
#include "multicast/base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bytes(const struct kvctl_txn *txn, kv_bytes bytes)
{
    const uint8_t *at = bytes.data, *first = txn->bytes.data;
    KV_ASSERT(bytes.size == 0 || (at >= first && at + bytes.size <= first + txn->bytes.size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kvctl_txn txn;
    const enum kvctl_encoding encoding =
        size == 0 ? KVCTL_ENCODING_UTF8 : (enum kvctl_encoding)(data[size - 1] % 4);
    const bool valid = kvctl_txn_parse(&txn, encoding, (const char *)data, size);
    KV_ASSERT(valid == (txn.error[0] == '\0'));
    uint32_t all = 0;
    for (unsigned part = 0; part < KVCTL_TXN_PARTS && valid; part++) {
        all += txn.counts[part];
        for (uint32_t i = 0; i < txn.counts[part]; i++) {
            check_bytes(&txn, txn.steps[part][i].key);
            check_bytes(&txn, txn.steps[part][i].value);
            check_bytes(&txn, txn.steps[part][i].expect);
        }
    }
    KV_ASSERT(all <= KV_TXN_STEPS_MAX && (!valid || all > 0));
    kvctl_txn_close(&txn);
    return 0;
}
