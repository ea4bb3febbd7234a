/* SPDX-License-Identifier: Apache-2.0 */
/* generators: the same numbers as YCSB, the shares that its distributions promise, and the choice of operations and records. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/acknowledged.h"
#include "bench/workload.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Uniform numbers that the vectors below were computed for, with an independent program in another language. */
static const double uniforms[] = {0.0, 0.1, 0.133, 0.2, 0.3, 0.5, 0.75, 0.9, 0.99, 0.999999};

static void hashes_and_key_names_are_those_of_ycsb(void **state)
{
    static const struct {
        uint64_t number, hash;
    } vectors[] = {
        /* The first records that YCSB loads, as seen in many published traces. */
        {0, UINT64_C(6284781860667377211)},
        {1, UINT64_C(8517097267634966620)},
        {2, UINT64_C(1820151046732198393)},
        {3, UINT64_C(4052466453699787802)},
        {255, UINT64_C(8064062821143829734)},
        {256, UINT64_C(2056600594528442646)},
        {1000, UINT64_C(5952875239596136740)},
        {123456789, UINT64_C(2350796791908741607)},
        {UINT64_C(10000000000), UINT64_C(1201321332300452516)},
    };
    char name[BENCH_KEY_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        assert_int_equal(bench_hash(vectors[i].number), vectors[i].hash);
    }
    assert_int_equal(bench_key_name(bench_hash(0), name), strlen("user6284781860667377211"));
    assert_string_equal(name, "user6284781860667377211");
    assert_int_equal(bench_key_name(UINT64_C(1) << 63, name), BENCH_KEY_BYTES - 1);
}

static void zipfian_ranks_are_those_of_ycsb(void **state)
{
    static const uint64_t ranks[] = {0, 0, 1, 2, 4, 22, 151, 471, 927, 999};
    struct bench_zipfian zipfian;

    (void)state;
    bench_zipfian_init(&zipfian, 1000);
    assert_true(fabs(zipfian.zeta_n - 7.728953217284729) < 1e-12);
    assert_true(fabs(zipfian.eta - 0.07480608670689805) < 1e-12);
    for (size_t i = 0; i < COUNT_OF(uniforms); i++) {
        assert_int_equal(bench_zipfian_at(&zipfian, 1000, uniforms[i]), ranks[i]);
    }
}

static void a_zipfian_that_grows_draws_as_ycsb_does(void **state)
{
    static const uint64_t ranks[] = {0, 0, 1, 3, 7, 34, 232, 714, 1393, 1499};
    struct bench_zipfian zipfian;

    (void)state;
    bench_zipfian_init(&zipfian, 1000);
    for (size_t i = 0; i < COUNT_OF(uniforms); i++) {
        assert_int_equal(bench_zipfian_at(&zipfian, 1500, uniforms[i]), ranks[i]);
    }
    assert_true(fabs(zipfian.zeta_n - 8.164121812765377) < 1e-12);
    /* Fewer items than before do not shrink the sum. */
    assert_int_equal(bench_zipfian_at(&zipfian, 1000, 0.0), 0);
    assert_int_equal(zipfian.zeta_items, 1500);
}

static void scrambled_items_are_those_of_ycsb(void **state)
{
    static const uint64_t ranks[] = {0,
                                     6,
                                     14,
                                     83,
                                     1038,
                                     134552,
                                     42924421,
                                     UINT64_C(1170869537),
                                     UINT64_C(8086205587),
                                     UINT64_C(9999787803)};
    static const uint64_t items[] = {144, 942, 650, 421, 824, 367, 767, 991, 745, 383};
    struct bench_scrambled scrambled;

    (void)state;
    bench_scrambled_init(&scrambled, 1001);
    assert_int_equal(scrambled.zipfian.items, UINT64_C(10000000001));
    for (size_t i = 0; i < COUNT_OF(uniforms); i++) {
        assert_int_equal(bench_zipfian_at(&scrambled.zipfian, scrambled.zipfian.items, uniforms[i]),
                         ranks[i]);
        assert_int_equal(bench_scrambled_at(&scrambled, uniforms[i]), items[i]);
    }
}

static void latest_counts_back_from_the_newest_as_ycsb_does(void **state)
{
    static const uint64_t items[] = {999, 999, 998, 997, 995, 977, 848, 528, 73, 1};
    struct bench_latest latest;

    (void)state;
    bench_latest_init(&latest, 999);
    for (size_t i = 0; i < COUNT_OF(uniforms); i++) {
        assert_int_equal(bench_latest_at(&latest, 999, uniforms[i]), items[i]);
    }
}

static void exponential_ages_are_those_of_ycsb(void **state)
{
    static const uint64_t ages[] = {10709, 658, 577, 460, 344, 198, 82, 30, 2, 0};
    struct bench_exponential exponential;

    (void)state;
    bench_exponential_init(&exponential, 1000);
    for (size_t i = 0; i < COUNT_OF(uniforms); i++) {
        assert_int_equal((uint64_t)bench_exponential_at(&exponential, uniforms[i]), ages[i]);
    }
}

#define RECORDS 1000
#define DRAWS   200000

/* How often each record is drawn under a distribution of workload c. */
static void draw_all(enum bench_distribution distribution, uint32_t counts[RECORDS])
{
    struct bench_chooser chooser;
    struct kv_prng prng;

    memset(counts, 0, RECORDS * sizeof *counts);
    kv_prng_init(&prng, 42);
    bench_chooser_init(&chooser, bench_workload_find("c"), distribution, RECORDS, DRAWS);
    for (uint32_t i = 0; i < DRAWS; i++) {
        uint64_t record = bench_chooser_record(&chooser, RECORDS - 1, &prng);

        assert_true(record < RECORDS);
        counts[record]++;
    }
}

static double share_of(const uint32_t *counts, uint32_t from, uint32_t to)
{
    double sum = 0;

    for (uint32_t i = from; i < to; i++) {
        sum += counts[i];
    }
    return sum / DRAWS;
}

static uint32_t hottest_of(const uint32_t *counts)
{
    uint32_t hottest = 0;

    for (uint32_t i = 0; i < RECORDS; i++) {
        hottest = counts[i] > counts[hottest] ? i : hottest;
    }
    return hottest;
}

static void the_hottest_record_of_zipfian_has_its_share_whatever_the_number_of_records(void **state)
{
    static uint32_t counts[RECORDS];
    uint32_t hottest;

    (void)state;
    draw_all(BENCH_ZIPFIAN, counts);
    hottest = hottest_of(counts);
    assert_int_equal(hottest, bench_hash(0) % (RECORDS + 1));
    /* 1 / zeta(10^10), and what of the tail falls onto the same record. */
    assert_true(fabs(share_of(counts, hottest, hottest + 1) - (1 / 26.469 + 0.0005)) < 0.002);
}

static void the_newest_record_of_latest_is_the_hottest(void **state)
{
    static uint32_t counts[RECORDS];

    (void)state;
    draw_all(BENCH_LATEST, counts);
    assert_int_equal(hottest_of(counts), RECORDS - 1);
    assert_true(fabs(share_of(counts, RECORDS - 1, RECORDS) - 1 / 7.728) < 0.005);
}

static void uniform_gives_every_record_the_same_share(void **state)
{
    static uint32_t counts[RECORDS];

    (void)state;
    draw_all(BENCH_UNIFORM, counts);
    for (uint32_t i = 0; i < RECORDS; i++) {
        /* 200 expected, standard deviation 14: six of them. */
        assert_in_range(counts[i], 115, 285);
    }
}

static void hotspot_gives_a_fifth_of_the_records_four_fifths_of_the_draws(void **state)
{
    static uint32_t counts[RECORDS];

    (void)state;
    draw_all(BENCH_HOTSPOT, counts);
    assert_true(fabs(share_of(counts, 0, RECORDS / 5) - 0.8) < 0.01);
    assert_true(fabs(share_of(counts, 0, RECORDS / 10) - 0.4) < 0.01);
    assert_true(fabs(share_of(counts, RECORDS / 5, RECORDS * 3 / 5) - 0.1) < 0.01);
}

static void exponential_gives_the_newest_six_sevenths_nearly_all_draws(void **state)
{
    static uint32_t counts[RECORDS];

    (void)state;
    draw_all(BENCH_EXPONENTIAL, counts);
    /* 95 %, of the 97 % that do not fall before the first record and are drawn again. */
    assert_true(fabs(share_of(counts, RECORDS - 857, RECORDS) - 0.95 / 0.97) < 0.01);
}

static void every_workload_draws_its_operations_in_their_shares(void **state)
{
    (void)state;
    for (const struct bench_workload *workload = bench_workloads; workload->name != NULL;
         workload++) {
        uint32_t counts[BENCH_OPS] = {0};
        struct bench_chooser chooser;
        struct kv_prng prng;
        double sum = 0;

        kv_prng_init(&prng, 7);
        bench_chooser_init(&chooser, workload, BENCH_UNIFORM, RECORDS, 0);
        for (uint32_t i = 0; i < DRAWS; i++) {
            counts[bench_chooser_op(&chooser, &prng)]++;
        }
        for (int op = 0; op < BENCH_OPS; op++) {
            assert_true(fabs(counts[op] / (double)DRAWS - workload->share[op]) < 0.005);
            assert_true(workload->share[op] > 0 || counts[op] == 0);
            sum += workload->share[op];
        }
        assert_true(fabs(sum - 1) < 1e-9);
    }
}

static void the_six_workloads_are_those_of_ycsb(void **state)
{
    static const struct {
        const char *name;
        double share[BENCH_OPS];
        enum bench_distribution distribution;
    } ycsb[] = {
        {"a", {.5, .5, 0, 0, 0}, BENCH_ZIPFIAN},   {"b", {.95, .05, 0, 0, 0}, BENCH_ZIPFIAN},
        {"c", {1, 0, 0, 0, 0}, BENCH_ZIPFIAN},     {"d", {.95, 0, .05, 0, 0}, BENCH_LATEST},
        {"e", {0, 0, .05, .95, 0}, BENCH_ZIPFIAN}, {"f", {.5, 0, 0, 0, .5}, BENCH_ZIPFIAN},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ycsb); i++) {
        const struct bench_workload *workload = bench_workload_find(ycsb[i].name);

        assert_non_null(workload);
        assert_memory_equal(workload->share, ycsb[i].share, sizeof workload->share);
        assert_int_equal(workload->distribution, ycsb[i].distribution);
        assert_int_equal(workload->fields, 10);
    }
    assert_int_equal(BENCH_SCAN_ROWS_MAX, 100);
    assert_null(bench_workload_find("g"));
}

static void zipfian_covers_the_records_that_inserts_will_add(void **state)
{
    struct bench_chooser chooser;
    struct kv_prng prng;
    bool hit_new = false;

    (void)state;
    kv_prng_init(&prng, 1);
    bench_chooser_init(&chooser, bench_workload_find("e"), BENCH_ZIPFIAN, RECORDS, 10000);
    assert_int_equal(chooser.scrambled.items, RECORDS + 1000 + 1);
    for (uint32_t i = 0; i < 10000; i++) {
        assert_true(bench_chooser_record(&chooser, RECORDS - 1, &prng) < RECORDS);
        hit_new |= bench_chooser_record(&chooser, RECORDS + 499, &prng) >= RECORDS;
    }
    assert_true(hit_new);
}

static void a_record_is_offered_to_readers_only_when_all_before_it_are_answered(void **state)
{
    struct bench_acknowledged acknowledged;
    uint64_t number = 0;

    (void)state;
    bench_acknowledged_init(&acknowledged, 100);
    for (uint64_t i = 100; i < 104; i++) {
        assert_true(bench_acknowledged_take(&acknowledged, &number));
        assert_int_equal(number, i);
    }
    assert_int_equal(bench_acknowledged_last(&acknowledged), 99);
    bench_acknowledged_answer(&acknowledged, 102);
    bench_acknowledged_answer(&acknowledged, 101);
    assert_int_equal(bench_acknowledged_last(&acknowledged), 99);
    bench_acknowledged_answer(&acknowledged, 100);
    assert_int_equal(bench_acknowledged_last(&acknowledged), 102);
    bench_acknowledged_answer(&acknowledged, 103);
    assert_int_equal(bench_acknowledged_last(&acknowledged), 103);
    bench_acknowledged_close(&acknowledged);
}

static void inserts_stop_when_the_window_is_full_and_go_on_after_an_answer(void **state)
{
    struct bench_acknowledged acknowledged;
    uint64_t number = 0;

    (void)state;
    bench_acknowledged_init(&acknowledged, 10);
    for (uint32_t i = 0; i < BENCH_ACKNOWLEDGED_WINDOW; i++) {
        assert_true(bench_acknowledged_take(&acknowledged, &number));
    }
    assert_false(bench_acknowledged_take(&acknowledged, &number));
    bench_acknowledged_answer(&acknowledged, number);
    assert_false(bench_acknowledged_take(&acknowledged, &number));
    bench_acknowledged_answer(&acknowledged, 10);
    assert_true(bench_acknowledged_take(&acknowledged, &number));
    assert_int_equal(number, 10 + BENCH_ACKNOWLEDGED_WINDOW);
    bench_acknowledged_close(&acknowledged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_and_key_names_are_those_of_ycsb),
        cmocka_unit_test(zipfian_ranks_are_those_of_ycsb),
        cmocka_unit_test(a_zipfian_that_grows_draws_as_ycsb_does),
        cmocka_unit_test(scrambled_items_are_those_of_ycsb),
        cmocka_unit_test(latest_counts_back_from_the_newest_as_ycsb_does),
        cmocka_unit_test(exponential_ages_are_those_of_ycsb),
        cmocka_unit_test(
            the_hottest_record_of_zipfian_has_its_share_whatever_the_number_of_records),
        cmocka_unit_test(the_newest_record_of_latest_is_the_hottest),
        cmocka_unit_test(uniform_gives_every_record_the_same_share),
        cmocka_unit_test(hotspot_gives_a_fifth_of_the_records_four_fifths_of_the_draws),
        cmocka_unit_test(exponential_gives_the_newest_six_sevenths_nearly_all_draws),
        cmocka_unit_test(every_workload_draws_its_operations_in_their_shares),
        cmocka_unit_test(the_six_workloads_are_those_of_ycsb),
        cmocka_unit_test(zipfian_covers_the_records_that_inserts_will_add),
        cmocka_unit_test(a_record_is_offered_to_readers_only_when_all_before_it_are_answered),
        cmocka_unit_test(inserts_stop_when_the_window_is_full_and_go_on_after_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
