/* SPDX-License-Identifier: Apache-2.0 */
/* options: defaults, relations between options, and what errors say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/options.h"

#define WORDS_MAX 24

static struct bench_settings settings;
static char error[BENCH_ERROR_BYTES];

/* Parse "kvbench" and the words of a line. */
static enum bench_command parse(const char *line)
{
    static char text[256];
    char *words[WORDS_MAX + 1] = {"kvbench"};
    int count = 1;

    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_true(count < WORDS_MAX);
        words[count++] = word;
    }
    error[0] = '\0';
    return bench_options_parse(count, words, &settings, error);
}

static void without_options_workload_a_runs_for_ten_seconds(void **state)
{
    (void)state;
    assert_int_equal(parse("run"), BENCH_COMMAND_RUN);
    assert_string_equal(settings.workload->name, "a");
    assert_int_equal(settings.distribution, BENCH_ZIPFIAN);
    assert_int_equal(settings.records, 10000);
    assert_int_equal(settings.seconds, 10);
    assert_int_equal(settings.operations, 0);
    assert_int_equal(settings.loop, BENCH_LOOP_AUTO);
    assert_int_equal(settings.clients, 1024);
    assert_int_equal(settings.threads, 1);
    assert_int_equal(settings.fields, 10);
    assert_int_equal(settings.field_bytes, 100);
    assert_int_equal(settings.rate, 0);
    assert_int_equal(settings.timeout_ms, 5000);
    assert_false(settings.no_load || settings.load_only || settings.json || settings.progress);
    assert_null(settings.endpoints);
    assert_null(settings.cluster);
}

static void every_option_reaches_its_setting(void **state)
{
    (void)state;
    assert_int_equal(parse("run -w d --records 5 --seconds 6 --operations 7 --warmup 8"),
                     BENCH_COMMAND_RUN);
    assert_string_equal(settings.workload->name, "d");
    assert_int_equal(settings.records, 5);
    assert_int_equal(settings.seconds, 6);
    assert_int_equal(settings.operations, 7);
    assert_int_equal(settings.warmup_seconds, 8);
    assert_int_equal(settings.distribution, BENCH_LATEST);

    assert_int_equal(parse("--clients 9 --threads 3 --value-bytes 0 --seed 11 --timeout 12ms run"),
                     BENCH_COMMAND_RUN);
    assert_int_equal(settings.clients, 9);
    assert_int_equal(settings.threads, 3);
    assert_int_equal(settings.fields, 1);
    assert_int_equal(settings.field_bytes, 0);
    assert_int_equal(settings.seed, 11);
    assert_int_equal(settings.timeout_ms, 12);

    assert_int_equal(parse("run --no-load --endpoints a:1 --cluster f -o json --progress"),
                     BENCH_COMMAND_RUN);
    assert_true(settings.no_load && settings.json && settings.progress);
    assert_string_equal(settings.endpoints, "a:1");
    assert_string_equal(settings.cluster, "f");
    assert_int_equal(parse("run --load-only --distribution hotspot --timeout 2s"),
                     BENCH_COMMAND_RUN);
    assert_true(settings.load_only);
    assert_int_equal(settings.distribution, BENCH_HOTSPOT);
    assert_int_equal(settings.timeout_ms, 2000);
}

static void a_number_of_operations_replaces_the_default_time(void **state)
{
    (void)state;
    assert_int_equal(parse("run --operations 100"), BENCH_COMMAND_RUN);
    assert_int_equal(settings.seconds, 0);
}

static void pure_workloads_have_small_values_and_uniform_keys(void **state)
{
    (void)state;
    assert_int_equal(parse("run --workload put"), BENCH_COMMAND_RUN);
    assert_int_equal(settings.fields, 1);
    assert_int_equal(settings.field_bytes, 100);
    assert_int_equal(settings.distribution, BENCH_UNIFORM);
    assert_int_equal(parse("run --workload get --value-bytes 7"), BENCH_COMMAND_RUN);
    assert_int_equal(settings.fields, 1);
    assert_int_equal(settings.field_bytes, 7);
}

static void a_rate_makes_an_open_loop_with_many_clients(void **state)
{
    (void)state;
    assert_int_equal(parse("run --rate 5000 --threads 2"), BENCH_COMMAND_RUN);
    assert_int_equal(settings.rate, 5000);
    assert_int_equal(settings.clients, 2048);
    assert_true(settings.poisson);
    assert_int_equal(parse("run -r 5000 -c 7 --arrivals constant --timeline"), BENCH_COMMAND_RUN);
    assert_int_equal(settings.clients, 7);
    assert_true(settings.timeline && !settings.poisson);
}

static void clients_without_a_rate_make_a_closed_loop(void **state)
{
    (void)state;
    assert_int_equal(parse("run --clients 5"), BENCH_COMMAND_RUN);
    assert_int_equal(settings.loop, BENCH_LOOP_CLOSED);
    assert_int_equal(settings.clients, 5);
    assert_int_equal(parse("run --closed"), BENCH_COMMAND_RUN);
    assert_int_equal(settings.loop, BENCH_LOOP_CLOSED);
    assert_int_equal(settings.clients, 16);
    assert_int_equal(parse("run --clients 5 --rate 100"), BENCH_COMMAND_RUN);
    assert_int_equal(settings.loop, BENCH_LOOP_RATE);
    assert_int_equal(parse("run --arrivals constant"), BENCH_COMMAND_RUN);
    assert_int_equal(settings.loop, BENCH_LOOP_AUTO);
}

static void a_bound_makes_a_search(void **state)
{
    (void)state;
    assert_int_equal(parse("run --find-max p99=5ms"), BENCH_COMMAND_RUN);
    assert_int_equal(settings.loop, BENCH_LOOP_SEARCH);
    assert_int_equal(settings.bound_per_myriad, 9900);
    assert_int_equal(settings.bound_us, 5000);
    assert_int_equal(settings.step_seconds, 3);
    assert_int_equal(settings.clients, 1024);
    assert_int_equal(parse("run --find-max p99.95=800us --step-seconds 7 -c 9"), BENCH_COMMAND_RUN);
    assert_int_equal(settings.bound_per_myriad, 9995);
    assert_int_equal(settings.bound_us, 800);
    assert_int_equal(settings.step_seconds, 7);
    assert_int_equal(settings.clients, 9);
    assert_int_equal(parse("run --find-max p50=1s"), BENCH_COMMAND_RUN);
    assert_int_equal(settings.bound_us, 1000000);
}

static void faults_are_three_words_and_ordered_by_time(void **state)
{
    char *const one_argument[] = {"kvbench", "run", "--at", "7s pause 3", NULL};

    (void)state;
    assert_int_equal(
        parse("run --at 10s kill 1 --rate 9 --at 500ms restart 2 --at 10s resume 1 -s 5"),
        BENCH_COMMAND_RUN);
    assert_int_equal(settings.seconds, 5);
    assert_int_equal(settings.fault_count, 3);
    assert_int_equal(settings.faults[0].at_ms, 500);
    assert_int_equal(settings.faults[0].verb, BENCH_FAULT_RESTART);
    assert_int_equal(settings.faults[0].node, 2);
    assert_int_equal(settings.faults[1].verb, BENCH_FAULT_KILL);
    assert_int_equal(settings.faults[1].at_ms, 10000);
    assert_int_equal(settings.faults[2].verb, BENCH_FAULT_RESUME);
    assert_int_equal(bench_options_parse(4, one_argument, &settings, error), BENCH_COMMAND_RUN);
    assert_int_equal(settings.fault_count, 1);
    assert_int_equal(settings.faults[0].verb, BENCH_FAULT_PAUSE);
    assert_int_equal(settings.faults[0].node, 3);
}

static void another_system_needs_its_endpoints(void **state)
{
    (void)state;
    assert_int_equal(parse("run"), BENCH_COMMAND_RUN);
    assert_string_equal(settings.driver_name, "kv");
    assert_int_equal(parse("run -d redis --endpoints a:1 -w put"), BENCH_COMMAND_RUN);
    assert_string_equal(settings.driver_name, "redis");
}

static void several_partitions_need_several_keys(void **state)
{
    (void)state;
    assert_int_equal(parse("run"), BENCH_COMMAND_RUN);
    assert_int_equal(settings.keys_per_command, 1);
    assert_false(settings.has_multi);
    assert_int_equal(parse("run --multi 0.5"), BENCH_COMMAND_RUN);
    assert_int_equal(settings.keys_per_command, 2);
    assert_true(settings.has_multi && settings.multi_percent == 0.5);
    assert_false(settings.pinned);
    assert_int_equal(parse("run -m 0 -k 8 --pinned"), BENCH_COMMAND_RUN);
    assert_true(settings.pinned);
    assert_int_equal(settings.keys_per_command, 8);
    assert_true(settings.has_multi && settings.multi_percent == 0);
}

static void a_value_is_fields_or_one_piece(void **state)
{
    (void)state;
    assert_int_equal(parse("run --fields 3 --field-bytes 20"), BENCH_COMMAND_RUN);
    assert_int_equal(settings.fields, 3);
    assert_int_equal(settings.field_bytes, 20);
    assert_int_equal(parse("run --field-bytes 20"), BENCH_COMMAND_RUN);
    assert_int_equal(settings.fields, 10);
}

static void help_and_version_need_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(parse("help"), BENCH_COMMAND_HELP);
    assert_int_equal(parse("run --help"), BENCH_COMMAND_HELP);
    assert_int_equal(parse("-h"), BENCH_COMMAND_HELP);
    assert_int_equal(parse("--version"), BENCH_COMMAND_VERSION);
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *line, *error;
    } wrong[] = {
        {"", "what to do? Try: kvbench run, or kvbench help"},
        {"load", "there is no command \"load\": try run or help"},
        {"run now", "\"now\" is one argument too many"},
        {"run --speed 3", "no such option: --speed"},
        {"run --records", "argument missing: --records"},
        {"run -w g", "--workload \"g\": must be one of a b c d e f put get"},
        {"run --records 1", "--records \"1\": must be a number from 2 to 1000000000"},
        {"run --records 1e6", "--records \"1e6\": must be a number from 2 to 1000000000"},
        {"run --seconds 0", "--seconds \"0\": must be a number of seconds from 1 to 86400"},
        {"run --seconds -1", "--seconds \"-1\": must be a number of seconds from 1 to 86400"},
        {"run --value-bytes 1048577", "--value-bytes \"1048577\": must be a number up to 1048576"},
        {"run --timeout 5", "--timeout \"5\": must be a time with its unit: 500ms or 5s"},
        {"run -o xml", "--output \"xml\": must be plain, json or html"},
        {"run --distribution flat",
         "--distribution \"flat\": must be one of zipfian latest uniform hotspot exponential"},
        {"run --no-load --load-only", "--no-load and --load-only leave nothing to do"},
        {"run --clients 2 --threads 3",
         "more --threads than --clients: a thread needs a client to run"},
        {"run --multi 101", "--multi \"101\": must be a percentage: 0 to 100"},
        {"run --multi x", "--multi \"x\": must be a percentage: 0 to 100"},
        {"run --multi 1 --keys-per-command 1", "--multi needs --keys-per-command of two or more"},
        {"run --keys-per-command 65", "--keys-per-command \"65\": must be a number from 1 to 64"},
        {"run --find-max 99=5ms",
         "--find-max \"99=5ms\": must be a quantile and its time: p99=5ms, p50=800us or p99.9=1s"},
        {"run --find-max p99",
         "--find-max \"p99\": must be a quantile and its time: p99=5ms, p50=800us or p99.9=1s"},
        {"run --find-max p0=5ms",
         "--find-max \"p0=5ms\": must be a quantile and its time: p99=5ms, p50=800us or p99.9=1s"},
        {"run --find-max p101=5ms", "--find-max \"p101=5ms\": must be a quantile and its time: "
                                    "p99=5ms, p50=800us or p99.9=1s"},
        {"run --find-max p99=5",
         "--find-max \"p99=5\": must be a quantile and its time: p99=5ms, p50=800us or p99.9=1s"},
        {"run --find-max p99=0ms",
         "--find-max \"p99=0ms\": must be a quantile and its time: p99=5ms, p50=800us or p99.9=1s"},
        {"run --find-max p99.12345=5ms", "--find-max \"p99.12345=5ms\": must be a quantile and its "
                                         "time: p99=5ms, p50=800us or p99.9=1s"},
        {"run --find-max p99=5ms --rate 5",
         "--find-max looks for the rate: it does not go with --rate"},
        {"run --rate 5 --find-max p99=5ms",
         "--find-max looks for the rate: it does not go with --rate"},
        {"run --closed --rate 5",
         "--closed has no rate: it does not go with --rate and --find-max"},
        {"run --step-seconds 5", "--step-seconds are those of --find-max"},
        {"run --at 10s", "--at \"10s\": must be a time, what to do and a node: 10s kill 1 (or "
                         "restart, pause, resume)"},
        {"run --at 10s kill", "--at \"10s\": must be a time, what to do and a node: 10s kill "
                              "1 (or restart, pause, resume)"},
        {"run --at 10 kill 1", "--at \"10 kill 1\": must be a time, what to do and a node: 10s "
                               "kill 1 (or restart, pause, resume)"},
        {"run --at 10s burn 1", "--at \"10s burn 1\": must be a time, what to do and a node: 10s "
                                "kill 1 (or restart, pause, resume)"},
        {"run --at 10s kill 0", "--at \"10s kill 0\": must be a time, what to do and a node: 10s "
                                "kill 1 (or restart, pause, resume)"},
        {"run --at 10s kill x", "--at \"10s kill x\": must be a time, what to do and a node: 10s "
                                "kill 1 (or restart, pause, resume)"},
        {"run --driver etcd", "--driver \"etcd\": must be one of kv redis zookeeper"},
        {"run --driver redis", "--driver needs --endpoints"},
        {"run --driver redis --endpoints a:1 -w e", "--driver has no scans"},
        {"run --driver redis --endpoints a:1 --multi 1",
         "--multi and --pinned are for partitions: they do not go with --driver"},
        {"run --driver redis --endpoints a:1 --at 1s kill 1",
         "--at is for clusters of kvctl: it does not go with --driver"},
        {"run --rate 0",
         "--rate \"0\": must be a number of operations per second from 1 to 100000000"},
        {"run --rate 9 --arrivals now", "--arrivals \"now\": must be poisson or constant"},
        {"run --closed --arrivals poisson",
         "--arrivals are those of an open loop: give its --rate"},
        {"run --fields 2 --value-bytes 9",
         "--value-bytes is one field: it does not go with --fields or --field-bytes"},
        {"run --fields 2 --field-bytes 13", "--field-bytes of several fields: at least 14"},
        {"run --fields 1000 --field-bytes 1100", "more than 1048576 bytes of --fields"},
        {"run --clients 1025", "more than 1024 --clients per thread: give more --threads"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(parse(wrong[i].line), BENCH_COMMAND_INVALID);
        assert_string_equal(error, wrong[i].error);
    }
    assert_int_equal(parse("run --clients 2048 --threads 2"), BENCH_COMMAND_RUN);
}

static void the_help_names_every_option_and_workload(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    bench_options_help(out);
    assert_int_equal(fclose(out), 0);
#define X(NAME, name, letter, argument, help) assert_non_null(strstr(text, "--" name));
    BENCH_OPTION_MAP(X)
#undef X
#define X(name, a, b, c, d, e, distribution, bytes, meaning) assert_non_null(strstr(text, meaning));
    BENCH_WORKLOAD_MAP(X)
#undef X
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_workload_a_runs_for_ten_seconds),
        cmocka_unit_test(every_option_reaches_its_setting),
        cmocka_unit_test(a_number_of_operations_replaces_the_default_time),
        cmocka_unit_test(pure_workloads_have_small_values_and_uniform_keys),
        cmocka_unit_test(a_rate_makes_an_open_loop_with_many_clients),
        cmocka_unit_test(clients_without_a_rate_make_a_closed_loop),
        cmocka_unit_test(a_bound_makes_a_search),
        cmocka_unit_test(faults_are_three_words_and_ordered_by_time),
        cmocka_unit_test(another_system_needs_its_endpoints),
        cmocka_unit_test(several_partitions_need_several_keys),
        cmocka_unit_test(a_value_is_fields_or_one_piece),
        cmocka_unit_test(help_and_version_need_nothing_else),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(the_help_names_every_option_and_workload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
