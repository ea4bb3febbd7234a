/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/kvctl/txn.h"
#include "multicast/base/limits.h"
#include "multicast/base/prng.h"

static struct kvctl_txn txn;

static bool parse(const char *text)
{
    kvctl_txn_close(&txn);
    return kvctl_txn_parse(&txn, KVCTL_ENCODING_UTF8, text, strlen(text));
}

static int close_txn(void **state)
{
    (void)state;
    kvctl_txn_close(&txn);
    return 0;
}

static void assert_bytes(kv_bytes bytes, const char *expected, size_t size)
{
    assert_int_equal(bytes.size, size);
    assert_memory_equal(bytes.data, expected, size);
}

static void assert_refused(const char *text, const char *reason)
{
    assert_false(parse(text));
    if (strstr(txn.error, reason) == NULL) {
        fail_msg("%s: '%s' does not say '%s'", text, txn.error, reason);
    }
}

static const kv_step *step(enum kvctl_txn_part part, uint32_t i)
{
    assert_true(i < txn.counts[part]);
    return &txn.steps[part][i];
}

static void guards_and_both_branches_are_read_in_their_order(void **state)
{
    (void)state;
    assert_true(parse("if\n"
                      "  eq account:1 \"open\"   # a comment\n"
                      "  at-least account:1:balance 5\n"
                      "then\r\n"
                      "\tincr account:1:balance -5\r\n"
                      "\n"
                      "  cas a '' \"x y\"\n"
                      "else\n"
                      "  get account:1:balance"));
    assert_int_equal(txn.counts[KVCTL_TXN_GUARDS], 2);
    assert_int_equal(txn.counts[KVCTL_TXN_THEN], 2);
    assert_int_equal(txn.counts[KVCTL_TXN_ELSE], 1);
    assert_true(txn.has_else);
    assert_int_equal(step(KVCTL_TXN_GUARDS, 0)->code, KV_GUARD_EQ);
    assert_bytes(step(KVCTL_TXN_GUARDS, 0)->key, "account:1", 9);
    assert_bytes(step(KVCTL_TXN_GUARDS, 0)->value, "open", 4);
    assert_int_equal(step(KVCTL_TXN_GUARDS, 1)->number, 5);
    assert_int_equal(step(KVCTL_TXN_THEN, 0)->number, -5);
    assert_int_equal(step(KVCTL_TXN_THEN, 1)->expect.size, 0);
    assert_bytes(step(KVCTL_TXN_THEN, 1)->value, "x y", 3);
    assert_bytes(step(KVCTL_TXN_ELSE, 0)->key, "account:1:balance", 17);
}

static void every_word_is_read_with_its_operands(void **state)
{
    (void)state;
    assert_true(parse("if\nexists a\nabsent a\neq a 1\nne a 1\nlt a 1\ngt a 1\nat-least a 1\n"
                      "at-most a -9223372036854775808\nthen\nget a\nput a 1\nput-if-absent a 1\n"
                      "put_if_absent a 1\ndelete a\ncas a 1 2\nincr a\nincr a 7\nappend a 1\n"));
    static const kv_step_code guards[] = {KV_GUARD_EXISTS,   KV_GUARD_ABSENT, KV_GUARD_EQ,
                                          KV_GUARD_NE,       KV_GUARD_LT,     KV_GUARD_GT,
                                          KV_GUARD_AT_LEAST, KV_GUARD_AT_MOST};
    static const kv_step_code steps[] = {
        KV_STEP_GET, KV_STEP_PUT,  KV_STEP_PUT_IF_ABSENT, KV_STEP_PUT_IF_ABSENT, KV_STEP_DELETE,
        KV_STEP_CAS, KV_STEP_INCR, KV_STEP_INCR,          KV_STEP_APPEND};
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(step(KVCTL_TXN_GUARDS, i)->code, guards[i]);
    }
    for (uint32_t i = 0; i < 9; i++) {
        assert_int_equal(step(KVCTL_TXN_THEN, i)->code, steps[i]);
    }
    assert_true(step(KVCTL_TXN_GUARDS, 7)->number == INT64_MIN);
    assert_int_equal(step(KVCTL_TXN_THEN, 6)->number, 1);
    assert_int_equal(step(KVCTL_TXN_THEN, 7)->number, 7);
    assert_false(txn.has_else);
}

static void without_if_there_are_only_steps(void **state)
{
    (void)state;
    assert_true(parse("get a\nput b 1\n"));
    assert_int_equal(txn.counts[KVCTL_TXN_THEN], 2);
    assert_true(parse("# only steps\nthen\nget a"));
    assert_int_equal(txn.counts[KVCTL_TXN_THEN], 1);
    assert_true(parse("if\nexists a\nthen"));
    assert_int_equal(txn.counts[KVCTL_TXN_THEN], 0);
    assert_true(parse("if\nexists a\nthen\nelse\n"));
    assert_true(txn.has_else);
}

static void quotes_are_those_of_a_shell(void **state)
{
    (void)state;
    assert_true(parse("put \"a b\" \"\\n\\t\\r\\\\\\\"\\x00\\xfF\"\n"
                      "put 'a\"b' 'c\\n#'\n"
                      "put a\"b\"'c' \"\"\n"
                      "put a#b # '\n"
                      "put - @x\n"
                      "put \"#\" \xc3\xa4\n") == false);
    assert_non_null(strstr(txn.error, "line 4: usage: put KEY VALUE"));
    assert_true(parse("put \"a b\" \"\\n\\t\\r\\\\\\\"\\x00\\xfF\"\n"
                      "put 'a\"b' 'c\\n#'\n"
                      "put a\"b\"'c' \"\"\n"
                      "put a#b x# # '\n"
                      "put - @x\n"
                      "put \"#\" \xc3\xa4\n"));
    assert_bytes(step(KVCTL_TXN_THEN, 0)->key, "a b", 3);
    assert_bytes(step(KVCTL_TXN_THEN, 0)->value, "\n\t\r\\\"\0\xff", 7);
    assert_bytes(step(KVCTL_TXN_THEN, 1)->key, "a\"b", 3);
    assert_bytes(step(KVCTL_TXN_THEN, 1)->value, "c\\n#", 4);
    assert_bytes(step(KVCTL_TXN_THEN, 2)->key, "abc", 3);
    assert_int_equal(step(KVCTL_TXN_THEN, 2)->value.size, 0);
    assert_bytes(step(KVCTL_TXN_THEN, 3)->key, "a#b", 3);
    assert_bytes(step(KVCTL_TXN_THEN, 3)->value, "x#", 2);
    assert_bytes(step(KVCTL_TXN_THEN, 4)->value, "@x", 2);
    assert_bytes(step(KVCTL_TXN_THEN, 5)->key, "#", 1);
    assert_bytes(step(KVCTL_TXN_THEN, 5)->value, "\xc3\xa4", 2);
}

static void keys_and_values_have_the_encoding_that_is_asked_for(void **state)
{
    (void)state;
    static const char text[] = "put 00ff 0a\nincr 61 10\n";
    kvctl_txn_close(&txn);
    assert_true(kvctl_txn_parse(&txn, KVCTL_ENCODING_HEX, text, strlen(text)));
    assert_bytes(step(KVCTL_TXN_THEN, 0)->key, "\x00\xff", 2);
    assert_bytes(step(KVCTL_TXN_THEN, 0)->value, "\n", 1);
    assert_int_equal(step(KVCTL_TXN_THEN, 1)->number, 10);
    kvctl_txn_close(&txn);
    assert_false(kvctl_txn_parse(&txn, KVCTL_ENCODING_HEX, "get xx", 6));
    assert_non_null(strstr(txn.error, "line 1: 'xx' is not valid hex"));
}

static void what_is_wrong_is_refused_with_its_line(void **state)
{
    (void)state;
    assert_refused("", "no step");
    assert_refused("# nothing\n\n", "no step");
    assert_refused("then\n", "no step");
    assert_refused("get a\nfrob b\n", "line 2: there is no step 'frob'");
    assert_refused("if\nfrob b\n", "line 2: there is no guard 'frob'");
    assert_refused("if\nincr b\n", "line 2: 'incr' is a step");
    assert_refused("eq a 1\n", "line 1: 'eq' is a guard");
    assert_refused("if\nexists a\n\n\n", "no 'then'");
    assert_refused("if\nthen\nget a\n", "line 2: there is no guard");
    assert_refused("get a\nelse\nget b\n", "line 2: 'else' without 'if'");
    assert_refused("if\nexists a\nelse\nget a\n", "line 3: 'else' does not belong");
    assert_refused("if\nexists a\nthen\nelse\nelse\n", "line 5: 'else' does not belong");
    assert_refused("if\nexists a\nif\n", "line 3: 'if' does not belong");
    assert_refused("get a\nthen\n", "line 2: 'then' does not belong");
    assert_refused("if exists a\n", "line 1: nothing stands behind 'if'");
    assert_refused("get\n", "line 1: usage: get KEY");
    assert_refused("get a b\n", "line 1: usage: get KEY");
    assert_refused("cas a b c d e f g\n", "usage: cas KEY EXPECT VALUE");
    assert_refused("put a\n", "usage: put KEY VALUE");
    assert_refused("get \"\"\n", "a key is not empty");
    assert_refused("incr a x\n", "'x' is not a decimal");
    assert_refused("incr a 1\"\\x00\"\n", "'1\\x00' is not a decimal");
    assert_refused("incr a 9223372036854775808\n", "not a decimal");
    assert_refused("put a \"b\n\"", "line 1: a \" is not closed");
    assert_refused("put a 'b", "line 1: a ' is not closed");
    assert_refused("put a b\\c", "line 1: a backslash");
    assert_refused("put a \"\\q\"", "line 1: in \"...\" a backslash");
    assert_refused("put a \"\\x0\"", "a backslash");
    assert_refused("put a \"\\x0", "a backslash");
    assert_refused("put a \"\\", "a backslash");
    kvctl_txn_close(&txn);
    assert_false(kvctl_txn_parse(&txn, KVCTL_ENCODING_UTF8, "get a\0b", 7));
    assert_non_null(strstr(txn.error, "NUL"));
    assert_refused("\x1b[31m\xff a", "'\\x1b[31m\\xff'");
}

static void more_guards_and_steps_than_a_transaction_takes_are_refused(void **state)
{
    (void)state;
    struct kv_buffer text = {0};
    kvctl_txn_close(&txn);
    for (int i = 0; i < KV_TXN_STEPS_MAX; i++) {
        kv_buffer_append(&text, "get a\n", 6);
    }
    assert_true(kvctl_txn_parse(&txn, KVCTL_ENCODING_UTF8, (const char *)text.data, text.size));
    kvctl_txn_close(&txn);
    kv_buffer_append(&text, "get a\n", 6);
    assert_false(kvctl_txn_parse(&txn, KVCTL_ENCODING_UTF8, (const char *)text.data, text.size));
    assert_non_null(strstr(txn.error, "line 1025: more than 1024"));
    kvctl_txn_close(&txn);
    assert_false(kvctl_txn_parse(&txn, KVCTL_ENCODING_UTF8, (const char *)text.data,
                                 KVCTL_TXN_BYTES_MAX + 1));
    kv_buffer_close(&text);
}

/* ---- Any transaction ---- */

static struct kv_prng prng;

static void append(struct kv_buffer *text, const char *words)
{
    kv_buffer_append(text, words, strlen(words));
}

/* Any bytes, in one of the forms that a word may have. */
static void append_word(struct kv_buffer *text, struct kv_buffer *word, size_t min)
{
    const size_t size = kv_prng_between(&prng, min, 9);
    bool single = true;
    append(text, kv_prng_below(&prng, 2) == 0 ? " " : "\t ");
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = kv_prng_below(&prng, 2) == 0
                                 ? (uint8_t)kv_prng_below(&prng, 256)
                                 : (uint8_t)("ab #'\"\\"[kv_prng_below(&prng, 7)]);
        kv_buffer_append(word, &byte, 1);
        single = single && byte != '\'' && byte != '\n' && byte != '\0';
    }
    if (single && kv_prng_below(&prng, 2) == 0) {
        append(text, "'");
        kv_buffer_append(text, word->data, word->size);
        append(text, "'");
        return;
    }
    append(text, "\"");
    for (size_t i = 0; i < size; i++) {
        char escape[8];
        const uint8_t byte = word->data[i];
        const bool plain = byte >= 0x20 && byte != '"' && byte != '\\';
        snprintf(escape, sizeof(escape), kv_prng_below(&prng, 2) == 0 ? "\\x%02x" : "\\x%02X",
                 byte);
        if (plain && kv_prng_below(&prng, 4) != 0) {
            kv_buffer_append(text, &byte, 1);
        } else {
            append(text, escape);
        }
    }
    append(text, "\"");
}

#define STEPS_MAX 40

static struct {
    kv_step_code code;
    struct kv_buffer key, expect, value;
    int64_t number;
} model[STEPS_MAX];

static void append_line(struct kv_buffer *text, unsigned i, bool guard)
{
    const kv_step_code code =
        guard ? (kv_step_code)kv_prng_between(&prng, KV_GUARD_EXISTS, KV_GUARD_AT_MOST)
              : (kv_step_code)kv_prng_between(&prng, KV_STEP_GET, KV_STEP_APPEND);
    const struct kvctl_step_form *form = kvctl_step_form_of(code);
    model[i].code = code;
    append(text, form->word);
    append_word(text, &model[i].key, 1);
    switch (form->operands) {
    case KVCTL_OPERANDS_NONE:
        break;
    case KVCTL_OPERANDS_TWO_VALUES:
        append_word(text, &model[i].expect, 0);
        append_word(text, &model[i].value, 0);
        break;
    case KVCTL_OPERANDS_VALUE:
        append_word(text, &model[i].value, 0);
        break;
    case KVCTL_OPERANDS_NUMBER:
    case KVCTL_OPERANDS_NUMBER_OR_ONE: {
        char number[32];
        model[i].number = (int64_t)kv_prng_below(&prng, UINT64_MAX);
        snprintf(number, sizeof(number), " %" PRId64, model[i].number);
        append(text, number);
        break;
    }
    }
    append(text, kv_prng_below(&prng, 4) == 0 ? " # comment \" '\n" : "\n");
}

static void assert_model(unsigned first, enum kvctl_txn_part part, uint32_t count)
{
    assert_int_equal(txn.counts[part], count);
    for (uint32_t i = 0; i < count; i++) {
        const kv_step *found = step(part, i);
        const unsigned at = first + i;
        assert_int_equal(found->code, model[at].code);
        assert_bytes(found->key, (const char *)model[at].key.data, model[at].key.size);
        assert_int_equal(found->value.size, model[at].value.size);
        assert_int_equal(found->expect.size, model[at].expect.size);
        if (found->value.size > 0) {
            assert_bytes(found->value, (const char *)model[at].value.data, found->value.size);
        }
        if (found->expect.size > 0) {
            assert_bytes(found->expect, (const char *)model[at].expect.data, found->expect.size);
        }
        assert_true(found->number == model[at].number);
    }
}

static void any_transaction_that_is_written_is_read_as_it_was_meant(void **state)
{
    (void)state;
    kv_prng_init(&prng, 5);
    for (int round = 0; round < 2000; round++) {
        struct kv_buffer text = {0};
        const uint32_t guards = (uint32_t)kv_prng_below(&prng, 6);
        const uint32_t then = (uint32_t)kv_prng_between(&prng, guards == 0 ? 1 : 0, 8);
        const uint32_t otherwise = guards == 0 ? 0 : (uint32_t)kv_prng_below(&prng, 6);
        unsigned at = 0;
        memset(model, 0, sizeof(model));
        if (guards > 0) {
            append(&text, " if\n");
        }
        for (uint32_t i = 0; i < guards; i++) {
            append_line(&text, at++, true);
        }
        append(&text, guards > 0 || kv_prng_below(&prng, 2) == 0 ? "then # x\n" : "\n#\n");
        for (uint32_t i = 0; i < then; i++) {
            append_line(&text, at++, false);
        }
        if (otherwise > 0) {
            append(&text, "\telse\r\n");
        }
        for (uint32_t i = 0; i < otherwise; i++) {
            append_line(&text, at++, false);
        }
        kvctl_txn_close(&txn);
        if (!kvctl_txn_parse(&txn, KVCTL_ENCODING_UTF8, (const char *)text.data, text.size)) {
            fail_msg("%s in %.*s", txn.error, (int)text.size, (const char *)text.data);
        }
        assert_model(0, KVCTL_TXN_GUARDS, guards);
        assert_model(guards, KVCTL_TXN_THEN, then);
        assert_model(guards + then, KVCTL_TXN_ELSE, otherwise);
        assert_int_equal(txn.has_else, otherwise > 0);
        for (unsigned i = 0; i < STEPS_MAX; i++) {
            kv_buffer_close(&model[i].key);
            kv_buffer_close(&model[i].expect);
            kv_buffer_close(&model[i].value);
        }
        kv_buffer_close(&text);
    }
}

/* Takes a valid text and breaks it at random: nothing but a verdict with a reason may come of it
 * (the sanitizers watch). */
static void random_damage_never_does_harm(void **state)
{
    (void)state;
    static const char seed[] =
        "if\n eq a \"x\\x00\"\n at-least b 5\nthen\n incr c -5\n put 'd e' f\n"
        " cas g h i\nelse\n get j # k\n";
    static const char marks[] = "\n\r\t '\"\\#x0123-ifthenelse\0\xff";
    kv_prng_init(&prng, 7);
    for (int round = 0; round < 50000; round++) {
        char text[sizeof(seed)];
        memcpy(text, seed, sizeof(seed));
        for (uint64_t damage = kv_prng_between(&prng, 1, 4); damage > 0; damage--) {
            text[kv_prng_below(&prng, sizeof(seed))] =
                marks[kv_prng_below(&prng, sizeof(marks) - 1)];
        }
        kvctl_txn_close(&txn);
        const enum kvctl_encoding encoding = (enum kvctl_encoding)kv_prng_below(&prng, 4);
        if (!kvctl_txn_parse(&txn, encoding, text, kv_prng_below(&prng, sizeof(text)))) {
            assert_true(txn.error[0] != '\0');
        } else {
            assert_true(txn.error[0] == '\0');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guards_and_both_branches_are_read_in_their_order),
        cmocka_unit_test(every_word_is_read_with_its_operands),
        cmocka_unit_test(without_if_there_are_only_steps),
        cmocka_unit_test(quotes_are_those_of_a_shell),
        cmocka_unit_test(keys_and_values_have_the_encoding_that_is_asked_for),
        cmocka_unit_test(what_is_wrong_is_refused_with_its_line),
        cmocka_unit_test(more_guards_and_steps_than_a_transaction_takes_are_refused),
        cmocka_unit_test(any_transaction_that_is_written_is_read_as_it_was_meant),
        cmocka_unit_test(random_damage_never_does_harm),
    };
    return cmocka_run_group_tests(tests, NULL, close_txn);
}
