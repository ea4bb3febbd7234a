/* SPDX-License-Identifier: Apache-2.0 */
/* The bank's ledger: a good one is accepted, and every kind of lie is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "bench/bank.h"

#define ACCOUNTS 3

/* The number of an account. */
static int64_t number_of(int64_t balance, int64_t version)
{
    return balance * BANK_UNIT + version;
}

struct books {
    struct bank_ledger *ledger;
    int64_t numbers[ACCOUNTS];
    uint64_t clock;
};

static int setup(void **state)
{
    static struct books books;
    books = (struct books){.ledger = bank_ledger_new(ACCOUNTS)};
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        books.numbers[i] = number_of(BANK_BALANCE, 0);
    }
    *state = &books;
    return 0;
}

static int teardown(void **state)
{
    struct books *books = *state;
    bank_ledger_close(&books->ledger);
    return 0;
}

/* Do a transfer; tell the ledger if `told`. */
static void transfer(struct books *books, uint32_t from, uint32_t to, int64_t amount, bool told)
{
    books->numbers[from] += 1 - amount * BANK_UNIT;
    books->numbers[to] += 1 + amount * BANK_UNIT;
    const struct bank_entry entries[] = {
        {.account = from, .changed = true, .added = -amount, .number = books->numbers[from]},
        {.account = to, .changed = true, .added = amount, .number = books->numbers[to]}};
    books->clock += 10;
    if (told) {
        bank_ledger_add(books->ledger, BANK_TRANSFER, books->clock, books->clock + 5, entries, 2);
    }
}

static void audit_at(struct books *books, uint64_t asked, uint64_t answered)
{
    struct bank_entry entries[ACCOUNTS];
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        entries[i] = (struct bank_entry){.account = i, .number = books->numbers[i]};
    }
    bank_ledger_add(books->ledger, BANK_AUDIT, asked, answered, entries, ACCOUNTS);
}

static void audit(struct books *books)
{
    books->clock += 10;
    audit_at(books, books->clock, books->clock + 5);
}

static bool is_wrong(struct books *books)
{
    struct bank_verdict verdict;
    bank_ledger_check(books->ledger, &verdict);
    return verdict.wrong;
}

static void versions_and_balances_come_apart_again(void **state)
{
    (void)state;
    assert_int_equal(bank_balance(number_of(-3, 7)), -3);
    assert_int_equal(bank_version(number_of(-3, 7)), 7);
    assert_int_equal(bank_balance(number_of(12, 0)), 12);
}

static void good_books_are_accepted(void **state)
{
    struct books *books = *state;
    transfer(books, 0, 1, 5, true);
    audit(books);
    transfer(books, 1, 2, 7, true);
    audit(books);
    assert_false(is_wrong(books));
}

static void an_audit_with_another_total_is_found(void **state)
{
    struct books *books = *state;
    transfer(books, 0, 1, 5, true);
    books->numbers[1] += BANK_UNIT;
    audit(books);
    assert_true(is_wrong(books));
}

static void two_transfers_with_one_version_are_found(void **state)
{
    struct books *books = *state;
    transfer(books, 0, 1, 5, true);
    books->numbers[0] = number_of(BANK_BALANCE, 0); /* the first one is forgotten here */
    transfer(books, 0, 2, 5, true);
    audit(books);
    assert_true(is_wrong(books));
}

static void a_transfer_that_was_lost_is_found(void **state)
{
    struct books *books = *state;
    const int64_t before[] = {books->numbers[0], books->numbers[1]};
    transfer(books, 0, 1, 5, true);
    memcpy(books->numbers, before, sizeof(before));
    audit(books);
    assert_true(is_wrong(books));
}

static void versions_that_nobody_made_are_explained_by_unknown_transfers_only(void **state)
{
    struct books *books = *state;
    transfer(books, 0, 1, 5, false);
    audit(books);
    assert_true(is_wrong(books));
    bank_ledger_add_unknown(books->ledger);
    assert_false(is_wrong(books));
}

static void a_balance_that_does_not_follow_is_found(void **state)
{
    struct books *books = *state;
    transfer(books, 0, 1, 5, true);
    books->numbers[0] += BANK_UNIT;
    books->numbers[1] -= BANK_UNIT; /* the total is right */
    transfer(books, 0, 1, 5, true);
    audit(books);
    assert_true(is_wrong(books));
}

static void an_audit_that_looks_back_in_time_is_found(void **state)
{
    struct books *books = *state;
    transfer(books, 0, 1, 5, true);
    struct books early = *books;
    transfer(books, 1, 2, 5, true);
    books->clock += 10;
    audit_at(&early, books->clock, books->clock + 5); /* asked when the second was answered */
    audit(books);
    assert_true(is_wrong(books));
}

static void an_audit_that_sees_a_half_of_a_transfer_is_found(void **state)
{
    struct books *books = *state;
    transfer(books, 0, 1, 5, true);
    transfer(books, 2, 1, 5, true);
    /* The second is seen at account 2 and the first at account 0, but account 1 is as before both: the total gives it away;
     * with an equal total the versions do. */
    struct books torn = *books;
    torn.numbers[1] = number_of(BANK_BALANCE + 10, 0);
    audit_at(&torn, 1, books->clock + 100);
    audit_at(books, books->clock + 200, books->clock + 300);
    assert_true(is_wrong(books));
}

static bool parses(int argc, const char *const *argv, struct bank_settings *ret)
{
    char error[BENCH_ERROR_BYTES] = "";
    bool help;
    return bank_options_parse(argc, (char *const *)(uintptr_t)argv, ret, &help, error);
}

static void options_have_defaults_and_bounds(void **state)
{
    struct bank_settings settings;
    (void)state;
    assert_true(parses(1, (const char *[]){"bank"}, &settings));
    assert_int_equal(settings.accounts, 64);
    assert_true(
        parses(5, (const char *[]){"bank", "--accounts", "1000", "--policy", "borrow"}, &settings));
    assert_int_equal(settings.policy, KV_POLICY_BORROW);
    assert_false(parses(3, (const char *[]){"bank", "--accounts", "1001"}, &settings));
    assert_false(parses(3, (const char *[]){"bank", "--policy", "steal"}, &settings));
    assert_false(parses(2, (const char *[]){"bank", "--accounts"}, &settings));
    assert_false(parses(2, (const char *[]){"bank", "spare"}, &settings));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        cmocka_unit_test(versions_and_balances_come_apart_again),
        TEST(good_books_are_accepted),
        TEST(an_audit_with_another_total_is_found),
        TEST(two_transfers_with_one_version_are_found),
        TEST(a_transfer_that_was_lost_is_found),
        TEST(versions_that_nobody_made_are_explained_by_unknown_transfers_only),
        TEST(a_balance_that_does_not_follow_is_found),
        TEST(an_audit_that_looks_back_in_time_is_found),
        TEST(an_audit_that_sees_a_half_of_a_transfer_is_found),
        cmocka_unit_test(options_have_defaults_and_bounds),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
