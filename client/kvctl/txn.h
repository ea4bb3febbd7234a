/* SPDX-License-Identifier: Apache-2.0 */
/* txn: transactions as a user writes them, as text or as JSON.
 *
 *     if                                  guards; all of them must hold
 *       at-least account:1 5
 *     then                                steps, if they hold
 *       incr account:1 -5
 *       incr account:2 5
 *     else                                steps, if one does not
 *       get account:1
 *
 * One guard or step per line. Words are separated by blanks; '...' is taken as it is, in "..." stand \n
 * \r \t \\ \" and \xNN, and pieces without a blank between them are one word, as in a shell. A word
 * that begins with # begins a comment. Without 'if' there are only steps, and 'then' may be left out.
 *
 * The functions are pure; hostile text is refused by size, by form and by number, with the line.
 * Ownership. A struct kvctl_txn owns its steps and what they point to. */
#ifndef KVCTL_TXN_H
#define KVCTL_TXN_H

#include <stdio.h>

#include "client/kvctl/encoding.h"

/* Bytes of a text: the largest command (4 MiB) with every byte as \xNN. */
#define KVCTL_TXN_BYTES_MAX (16 * 1024 * 1024)

/* What follows the key. */
enum kvctl_operands {
    KVCTL_OPERANDS_NONE,
    KVCTL_OPERANDS_VALUE,
    KVCTL_OPERANDS_TWO_VALUES,
    KVCTL_OPERANDS_NUMBER,
    KVCTL_OPERANDS_NUMBER_OR_ONE, /* 1 if it is left out */
};

/* X(CODE, "word", operands, "operands as in a synopsis", "text") */
#define KVCTL_GUARD_MAP(X)                                                                         \
    X(GUARD_EXISTS, "exists", NONE, "", "there is such a key")                                     \
    X(GUARD_ABSENT, "absent", NONE, "", "there is none")                                           \
    X(GUARD_EQ, "eq", VALUE, " VALUE", "its value is VALUE")                                       \
    X(GUARD_NE, "ne", VALUE, " VALUE", "it is not, or there is no such key")                       \
    X(GUARD_LT, "lt", VALUE, " VALUE", "it comes before VALUE, as bytes")                          \
    X(GUARD_GT, "gt", VALUE, " VALUE", "it comes after VALUE, as bytes")                           \
    X(GUARD_AT_LEAST, "at-least", NUMBER, " N", "it is a number >= N; absent counts as 0")         \
    X(GUARD_AT_MOST, "at-most", NUMBER, " N", "it is a number <= N; absent counts as 0")

#define KVCTL_STEP_MAP(X)                                                                          \
    X(STEP_GET, "get", NONE, "", "tell its value")                                                 \
    X(STEP_PUT, "put", VALUE, " VALUE", "set it")                                                  \
    X(STEP_PUT_IF_ABSENT, "put-if-absent", VALUE, " VALUE",                                        \
      "set it; if it exists nothing is done")                                                      \
    X(STEP_DELETE, "delete", NONE, "", "remove it, if it is there")                                \
    X(STEP_CAS, "cas", TWO_VALUES, " EXPECT VALUE", "set it; if it is not EXPECT nothing is done") \
    X(STEP_INCR, "incr", NUMBER_OR_ONE, " [BY]", "add BY (1), tell the sum")                       \
    X(STEP_APPEND, "append", VALUE, " VALUE", "append to it")

/* A guard or step by name. */
struct kvctl_step_form {
    kv_step_code code;
    const char *word;
    enum kvctl_operands operands;
    const char *synopsis, *text;
};

/* NULL: there is none of that name. '_' stands for '-', too. */
const struct kvctl_step_form *kvctl_step_find(bool guard, const char *word);
const struct kvctl_step_form *kvctl_step_form_of(kv_step_code code);

enum kvctl_txn_part {
    KVCTL_TXN_GUARDS,
    KVCTL_TXN_THEN,
    KVCTL_TXN_ELSE,
    KVCTL_TXN_PARTS,
};

/* Zero-initialised is empty. */
struct kvctl_txn {
    kv_step *steps[KVCTL_TXN_PARTS];
    uint32_t counts[KVCTL_TXN_PARTS];
    bool has_else; /* also if it is empty */
    struct kv_buffer bytes;
    char error[240]; /* why it is none */
};

/* Append a guard or step, whose bytes are borrowed. False: there are too many. */
bool kvctl_txn_add(struct kvctl_txn *txn, enum kvctl_txn_part part, const kv_step *step);

/* Read a text, with keys and values in an encoding. False: error says why, with the line. Close it
 * in any case. */
bool kvctl_txn_parse(struct kvctl_txn *txn, enum kvctl_encoding encoding, const char *text,
                     size_t size);

/* Make it what an operation asks for; op borrows the steps. */
void kvctl_txn_fill(const struct kvctl_txn *txn, kv_op *op);
void kvctl_txn_close(struct kvctl_txn *txn);

#endif
