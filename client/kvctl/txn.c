/* SPDX-License-Identifier: Apache-2.0 */
/* txn: the names of guards and steps, and lists of them. */
#include "client/kvctl/txn.h"

#include <string.h>

#include "multicast/base/limits.h"

#define X(code, word, operands, synopsis, text)                                                    \
    {KV_##code, word, KVCTL_OPERANDS_##operands, synopsis, text},
static const struct kvctl_step_form guards[] = {KVCTL_GUARD_MAP(X)};
static const struct kvctl_step_form steps[] = {KVCTL_STEP_MAP(X)};
#undef X

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_word(const char *word, const char *name)
{
    for (; *name != '\0'; word++, name++) {
        if (*word != *name && !(*word == '_' && *name == '-')) {
            return false;
        }
    }
    return *word == '\0';
}

const struct kvctl_step_form *kvctl_step_find(bool guard, const char *word)
{
    const struct kvctl_step_form *forms = guard ? guards : steps;
    for (size_t i = 0; i < (guard ? COUNT(guards) : COUNT(steps)); i++) {
        if (is_word(word, forms[i].word)) {
            return &forms[i];
        }
    }
    return NULL;
}

const struct kvctl_step_form *kvctl_step_form_of(kv_step_code code)
{
    for (size_t i = 0; i < COUNT(guards); i++) {
        if (guards[i].code == code) {
            return &guards[i];
        }
    }
    for (size_t i = 0; i < COUNT(steps); i++) {
        if (steps[i].code == code) {
            return &steps[i];
        }
    }
    return NULL;
}

bool kvctl_txn_add(struct kvctl_txn *txn, enum kvctl_txn_part part, const kv_step *step)
{
    const uint32_t all =
        txn->counts[KVCTL_TXN_GUARDS] + txn->counts[KVCTL_TXN_THEN] + txn->counts[KVCTL_TXN_ELSE];
    if (all == KV_TXN_STEPS_MAX) {
        return false;
    }
    txn->steps[part] =
        kv_realloc(txn->steps[part], (txn->counts[part] + 1) * sizeof(*txn->steps[part]));
    txn->steps[part][txn->counts[part]++] = *step;
    return true;
}

void kvctl_txn_fill(const struct kvctl_txn *txn, kv_op *op)
{
    op->code = KV_OP_TXN;
    op->guards = txn->steps[KVCTL_TXN_GUARDS];
    op->guard_count = txn->counts[KVCTL_TXN_GUARDS];
    op->steps = txn->steps[KVCTL_TXN_THEN];
    op->step_count = txn->counts[KVCTL_TXN_THEN];
    op->otherwise = txn->steps[KVCTL_TXN_ELSE];
    op->otherwise_count = txn->counts[KVCTL_TXN_ELSE];
}

void kvctl_txn_close(struct kvctl_txn *txn)
{
    for (unsigned part = 0; part < KVCTL_TXN_PARTS; part++) {
        kv_free(txn->steps[part]);
    }
    kv_buffer_close(&txn->bytes);
    memset(txn, 0, sizeof(*txn));
}
