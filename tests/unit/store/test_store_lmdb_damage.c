/* SPDX-License-Identifier: Apache-2.0 */
/* Bits of the data file are flipped: never is a wrong value read, and never is anything missing unseen.
 *
 * Each flip is made in a copy of the file, which a child of its own reads, since LMDB may crash on damaged pages. A crash is found damage: the
 * process has said nothing. So is a generation other than the last one, since whoever refers to a checkpoint knows its generation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/store/lmdb_fixture.h"

#define MAP_BYTES (UINT64_C(1) << 26)
#define KEYS      1500
#define PAGE      4096

/* Flips anywhere; in LMDB's two meta pages; in the heads and directories of pages. */
#define FLIPS_ANYWHERE 150
#define FLIPS_META     80
#define FLIPS_PAGES    150

/* A child that goes round in circles on damaged pages is killed. */
#define CHILD_SECONDS 10

/* LATE: a row was said to be absent before the damage was found, by a scan or the walk. */
enum outcome { OUTCOME_RIGHT = 10, OUTCOME_DETECTED, OUTCOME_LATE, OUTCOME_WRONG };

struct tally {
    uint32_t right, detected, late, crashed, wrong;
};

/* One child's look at a store: what it gives is right, or it says that it is damaged. *ret_missing: a row was not there, and nothing
 * had been said about damage until then. */
static enum outcome look_at_store(struct store *store, struct store *plain, bool *ret_missing)
{
    struct store_cursor cursor;
    struct kv_map_row row, other;
    char text[FIXTURE_KEY_BYTES];
    for (uint64_t i = 0; i < KEYS; i++) {
        const kv_slice key = lmdb_fixture_key(text, i);
        const bool exists = store_get(plain, key, &other);
        const bool found = store_get(store, key, &row);
        if (found && (!exists || row.hash != other.hash ||
                      kv_map_row_hash(row.key, row.value, row.version) != other.hash)) {
            return OUTCOME_WRONG;
        }
        *ret_missing = *ret_missing || (found != exists && store_status(store) == STATUS_OK);
    }
    store_seek(store, (kv_slice){0}, &cursor);
    uint64_t rows = 0;
    while (store_next(&cursor, &row)) {
        if (!store_get(plain, row.key, &other) || row.hash != other.hash ||
            kv_map_row_hash(row.key, row.value, row.version) != other.hash) {
            return OUTCOME_WRONG;
        }
        rows++;
    }
    *ret_missing = *ret_missing || (rows != store_count(plain) && store_status(store) == STATUS_OK);
    return store_status(store) == STATUS_OK ? OUTCOME_RIGHT : OUTCOME_DETECTED;
}

static enum outcome look_at_blob(struct store_lmdb_view *view)
{
    struct kv_buffer blob = {0};
    char text[32];
    (void)snprintf(text, sizeof(text), "%llu",
                   (unsigned long long)store_lmdb_view_generation(view));
    if (store_lmdb_view_blob(view, "engine", &blob) != STATUS_OK) {
        return OUTCOME_DETECTED;
    }
    return kv_slice_equal(kv_buffer_slice(&blob), kv_slice_of_text(text)) ? OUTCOME_RIGHT
                                                                          : OUTCOME_WRONG;
}

static enum outcome look(const struct store_lmdb_options *options, struct store **plain,
                         uint64_t generation)
{
    struct store_lmdb *lmdb = NULL;
    struct store_lmdb_view *view = NULL;
    struct store_lmdb_walk walk;
    enum outcome outcome = OUTCOME_RIGHT;
    bool missing = false;
    if (store_lmdb_open(options, &lmdb) != STATUS_OK ||
        store_lmdb_view_new(lmdb, &view) != STATUS_OK ||
        store_lmdb_view_generation(view) != generation) {
        return OUTCOME_DETECTED;
    }
    for (uint32_t s = 0; s < FIXTURE_STORES && outcome != OUTCOME_WRONG; s++) {
        struct store *store = store_new();
        const struct store_base base = store_lmdb_view_base(view, s);
        store_clear(store, &base);
        const enum outcome seen = look_at_store(store, plain[s], &missing);
        outcome = seen == OUTCOME_RIGHT ? outcome : seen;
    }
    if (outcome != OUTCOME_WRONG) {
        const enum outcome seen = look_at_blob(view);
        outcome = seen == OUTCOME_RIGHT ? outcome : seen;
    }
    if (outcome == OUTCOME_RIGHT && store_lmdb_view_walk(view, &walk) != STATUS_OK) {
        outcome = OUTCOME_DETECTED;
    }
    if (missing && outcome != OUTCOME_WRONG) {
        outcome = outcome == OUTCOME_DETECTED ? OUTCOME_LATE : OUTCOME_WRONG;
    }
    return outcome;
}

struct damage {
    struct lmdb_fixture *fixture;
    struct kv_buffer file;
    uint64_t generation;
    char directory[80], path[96];
    struct tally tally;
};

static void write_file(const char *path, kv_slice bytes)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes.data, bytes.size), bytes.size);
    close(file);
}

static void count_outcome(struct tally *tally, int status, uint64_t position, unsigned bit)
{
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    if (code == OUTCOME_RIGHT) {
        tally->right++;
    } else if (code == OUTCOME_DETECTED) {
        tally->detected++;
    } else if (code == OUTCOME_LATE) {
        tally->late++;
    } else if (code == OUTCOME_WRONG) {
        print_error("byte %llu bit %u is read as something else\n", (unsigned long long)position,
                    bit);
        tally->wrong++;
    } else {
        tally->crashed++;
    }
}

/* Crash for good: cmocka's handlers would go on with the tests, in the child. */
static void be_a_child(void)
{
    static const int signals[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
    const struct rlimit none = {0, 0};
    const int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        (void)signal(signals[i], SIG_DFL);
    }
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)dup2(quiet, STDERR_FILENO);
    alarm(CHILD_SECONDS);
}

static void flip(struct damage *damage, uint64_t position)
{
    const unsigned bit = (unsigned)kv_prng_below(&damage->fixture->prng, 8);
    struct store_lmdb_options options = damage->fixture->options;
    options.directory = damage->directory;
    damage->file.data[position] ^= (uint8_t)(1u << bit);
    write_file(damage->path, kv_buffer_slice(&damage->file));
    damage->file.data[position] ^= (uint8_t)(1u << bit);
    const pid_t child = fork();
    if (child == 0) {
        be_a_child();
        _exit((int)look(&options, damage->fixture->plain, damage->generation));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    count_outcome(&damage->tally, status, position, bit);
}

static void read_file(const struct lmdb_fixture *fixture, struct kv_buffer *ret)
{
    char path[96];
    struct stat stat;
    (void)snprintf(path, sizeof(path), "%s/data.mdb", fixture->path);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(fstat(file, &stat), 0);
    kv_buffer_reserve(ret, (size_t)stat.st_size);
    assert_int_equal(read(file, ret->data, (size_t)stat.st_size), stat.st_size);
    ret->size = (size_t)stat.st_size;
    close(file);
}

static int setup(void **state)
{
    struct damage *damage = kv_alloc_zero(1, sizeof(*damage));
    damage->fixture = lmdb_fixture_new(21, MAP_BYTES);
    for (uint32_t round = 0; round < 5; round++) {
        lmdb_fixture_change(damage->fixture, KEYS, 1500);
        lmdb_fixture_checkpoint(damage->fixture);
    }
    damage->generation = store_lmdb_view_generation(damage->fixture->view);
    lmdb_fixture_close(damage->fixture);
    read_file(damage->fixture, &damage->file);
    (void)snprintf(damage->directory, sizeof(damage->directory), "%s/copy",
                   damage->fixture->parent);
    (void)snprintf(damage->path, sizeof(damage->path), "%s/data.mdb", damage->directory);
    assert_int_equal(mkdir(damage->directory, 0700), 0);
    *state = damage;
    return 0;
}

static int teardown(void **state)
{
    struct damage *damage = *state;
    char lock[96];
    (void)snprintf(lock, sizeof(lock), "%s/lock.mdb", damage->directory);
    (void)unlink(lock);
    (void)unlink(damage->path);
    (void)rmdir(damage->directory);
    kv_buffer_close(&damage->file);
    lmdb_fixture_destroy(&damage->fixture);
    kv_free(damage);
    return 0;
}

static void tell(const char *where, const struct tally *tally)
{
    print_message("%s: %u right, %u detected, %u detected late, %u crashed, %u wrong\n", where,
                  (unsigned)tally->right, (unsigned)tally->detected, (unsigned)tally->late,
                  (unsigned)tally->crashed, (unsigned)tally->wrong);
}

static void the_file_as_it_is_reads_right(void **state)
{
    struct damage *damage = *state;
    struct store_lmdb_options options = damage->fixture->options;
    options.directory = damage->directory;
    write_file(damage->path, kv_buffer_slice(&damage->file));
    const pid_t child = fork();
    if (child == 0) {
        _exit((int)look(&options, damage->fixture->plain, damage->generation));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), OUTCOME_RIGHT);
}

static void a_flipped_bit_anywhere_is_found_or_harmless(void **state)
{
    struct damage *damage = *state;
    for (uint32_t i = 0; i < FLIPS_ANYWHERE; i++) {
        flip(damage, kv_prng_below(&damage->fixture->prng, damage->file.size));
    }
    tell("anywhere", &damage->tally);
    assert_int_equal(damage->tally.wrong, 0);
    assert_true(damage->tally.detected > 10 && damage->tally.right > 0);
}

static void a_flipped_bit_in_a_meta_page_is_found_or_harmless(void **state)
{
    struct damage *damage = *state;
    for (uint32_t i = 0; i < FLIPS_META; i++) {
        flip(damage, kv_prng_below(&damage->fixture->prng, 2) * PAGE +
                         kv_prng_below(&damage->fixture->prng, 160));
    }
    tell("meta pages", &damage->tally);
    assert_int_equal(damage->tally.wrong, 0);
    assert_true(damage->tally.detected > 10);
}

static void a_flipped_bit_in_the_directory_of_a_page_is_found_or_harmless(void **state)
{
    struct damage *damage = *state;
    for (uint32_t i = 0; i < FLIPS_PAGES; i++) {
        flip(damage,
             kv_prng_between(&damage->fixture->prng, 2, damage->file.size / PAGE - 1) * PAGE +
                 kv_prng_below(&damage->fixture->prng, 64));
    }
    tell("directories of pages", &damage->tally);
    assert_int_equal(damage->tally.wrong, 0);
    assert_true(damage->tally.detected > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(the_file_as_it_is_reads_right),
        TEST(a_flipped_bit_anywhere_is_found_or_harmless),
        TEST(a_flipped_bit_in_a_meta_page_is_found_or_harmless),
        TEST(a_flipped_bit_in_the_directory_of_a_page_is_found_or_harmless),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
