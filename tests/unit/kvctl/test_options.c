/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/kvctl/command.h"
#include "client/kvctl/options.h"

static struct kvctl_options options;
static char error[256];

static bool parse_words(const char *const *words)
{
    int count = 0;
    while (words[count] != NULL) {
        count++;
    }
    return kvctl_options_parse(&options, count, (char *const *)(uintptr_t)words, error,
                               sizeof(error));
}

#define parse(...) parse_words((const char *const[]){"kvctl", __VA_ARGS__, NULL})

static void options_may_stand_before_and_behind_arguments(void **state)
{
    (void)state;
    assert_true(parse("-o", "json", "get", "--timeout", "500ms", "a", "--stale", "--encoding=hex"));
    assert_int_equal(options.output, KVCTL_OUTPUT_JSON);
    assert_int_equal(options.encoding, KVCTL_ENCODING_HEX);
    assert_int_equal(options.timeout_ms, 500);
    assert_int_equal(options.argument_count, 2);
    assert_string_equal(options.arguments[0], "get");
    assert_string_equal(options.arguments[1], "a");
    assert_int_equal(options.given, KVCTL_BIT(OUTPUT) | KVCTL_BIT(TIMEOUT) | KVCTL_BIT(STALE) |
                                        KVCTL_BIT(ENCODING));
}

static void nothing_behind_two_dashes_is_an_option(void **state)
{
    (void)state;
    assert_true(parse("put", "-q", "--", "-q", "--stale", "--"));
    assert_int_equal(options.argument_count, 4);
    assert_string_equal(options.arguments[1], "-q");
    assert_string_equal(options.arguments[2], "--stale");
    assert_string_equal(options.arguments[3], "--");
    assert_int_equal(options.given, KVCTL_BIT(QUIET));
}

static void negative_numbers_and_a_single_dash_are_arguments(void **state)
{
    (void)state;
    assert_true(parse("incr", "a", "-5", "-q"));
    assert_int_equal(options.argument_count, 3);
    assert_string_equal(options.arguments[2], "-5");
    assert_true(kvctl_given(&options, KVCTL_BIT(QUIET)));
    assert_true(parse("put", "a", "-"));
    assert_string_equal(options.arguments[2], "-");
    assert_true(parse("put", "--", "-7", "-8"));
    assert_string_equal(options.arguments[1], "-7");
    assert_string_equal(options.arguments[2], "-8");
}

static void an_unknown_option_is_an_error_that_names_it(void **state)
{
    (void)state;
    assert_false(parse("put", "a", "--frob"));
    assert_non_null(strstr(error, "--frob"));
    assert_non_null(strstr(error, "--"));
    assert_false(parse("put", "-x"));
    assert_false(parse("put", "-5x"));
    assert_false(parse("get", "a", "--timeout"));
    assert_non_null(strstr(error, "needs an argument"));
}

static void the_output_form_is_known_even_when_another_option_is_wrong(void **state)
{
    (void)state;
    assert_false(parse("get", "--frob", "a", "-o", "json"));
    assert_int_equal(options.output, KVCTL_OUTPUT_JSON);
    assert_non_null(strstr(error, "--frob"));
}

static void option_arguments_are_checked(void **state)
{
    (void)state;
    assert_false(parse("get", "-o", "xml"));
    assert_false(parse("get", "--encoding", "utf-8"));
    assert_false(parse("get", "--timeout", "-5"));
    assert_non_null(strstr(error, "'-5'"));
    assert_false(parse("scan", "--limit", "0"));
    assert_false(parse("scan", "--limit", "4294967296"));
    assert_true(parse("scan", "--limit", "4294967295"));
    assert_int_equal(options.limit, UINT32_MAX);
    assert_false(parse("cluster", "start", "--nodes", "193"));
    assert_false(parse("cluster", "start", "--partitions", "64"));
    assert_true(parse("cluster", "start", "--partitions", "63"));
    assert_false(parse("cluster", "start", "--replicas", "10"));
    assert_false(parse("get", "--cluster", ""));
}

static void a_time_needs_a_unit_and_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {{"1ms", 1},     {"500ms", 500},    {"5s", 5000},
                {"2m", 120000}, {"24h", 86400000}, {"1d", 86400000}};
    static const char *const bad[] = {"",
                                      "5",
                                      "ms",
                                      "0s",
                                      "-1s",
                                      "1.5s",
                                      "5 s",
                                      "5S",
                                      "25h",
                                      "2d",
                                      "s5",
                                      "+5s",
                                      "99999999999999999999s"};
    uint64_t ms;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(kvctl_time_parse(good[i].text, &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(kvctl_time_parse(bad[i], &ms));
    }
}

static void integers_are_exact_to_64_bits(void **state)
{
    (void)state;
    int64_t number;
    assert_true(kvctl_integer_parse("9223372036854775807", &number));
    assert_true(number == INT64_MAX);
    assert_true(kvctl_integer_parse("-9223372036854775808", &number));
    assert_true(number == INT64_MIN);
    assert_true(kvctl_integer_parse("+7", &number));
    static const char *const bad[] = {"",   "-",  "9223372036854775808",  "1e3", " 1",
                                      "1 ", "0x", "-9223372036854775809", "--1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(kvctl_integer_parse(bad[i], &number));
    }
}

static void every_command_is_found_by_its_words_and_only_by_them(void **state)
{
    (void)state;
    uint32_t count;
    const struct kvctl_command *commands = kvctl_commands(&count);
    for (uint32_t i = 0; i < count; i++) {
        char name[64];
        const char *words[2] = {name, ""};
        strcpy(name, commands[i].name);
        char *space = strchr(name, ' ');
        if (space != NULL) {
            *space = '\0';
            words[1] = space + 1;
            assert_null(kvctl_command_find(words, 1));
        }
        assert_ptr_equal(kvctl_command_find(words, 2), &commands[i]);
    }
    assert_null(kvctl_command_find((const char *const[]){"ge"}, 1));
    assert_null(kvctl_command_find((const char *const[]){"gett"}, 1));
    assert_null(kvctl_command_find((const char *const[]){"cluster", "sto"}, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_may_stand_before_and_behind_arguments),
        cmocka_unit_test(nothing_behind_two_dashes_is_an_option),
        cmocka_unit_test(negative_numbers_and_a_single_dash_are_arguments),
        cmocka_unit_test(an_unknown_option_is_an_error_that_names_it),
        cmocka_unit_test(the_output_form_is_known_even_when_another_option_is_wrong),
        cmocka_unit_test(option_arguments_are_checked),
        cmocka_unit_test(a_time_needs_a_unit_and_is_bounded),
        cmocka_unit_test(integers_are_exact_to_64_bits),
        cmocka_unit_test(every_command_is_found_by_its_words_and_only_by_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
