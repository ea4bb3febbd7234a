/* SPDX-License-Identifier: Apache-2.0 */
/* kvbench: measures a cluster. Parses the command line, finds the cluster, runs, reports. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/bank.h"
#include "bench/driver.h"
#include "bench/page.h"
#include "bench/report.h"
#include "bench/service.h"
#include "client/endpoints/endpoints.h"

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* The first interrupt ends the run with a report, the second one the process. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* The directory of a local cluster, for kvctl: of --cluster, which may name the file in it. NULL: kvctl finds it. */
static const char *directory_of(const char *cluster)
{
    static char path[PATH_MAX];
    struct stat status;
    char *slash;

    if (cluster == NULL || stat(cluster, &status) != 0 || S_ISDIR(status.st_mode)) {
        return cluster;
    }
    snprintf(path, sizeof path, "%s", cluster);
    slash = strrchr(path, '/');
    if (slash == NULL) {
        return ".";
    }
    *slash = '\0';
    return path;
}

/* kvctl beside this program; else by $PATH. */
static const char *find_kvctl(void)
{
    static char path[PATH_MAX];
    const ssize_t size = readlink("/proc/self/exe", path, sizeof path - sizeof "/kvctl");
    char *slash;

    if (size <= 0) {
        return "kvctl";
    }
    path[size] = '\0';
    slash = strrchr(path, '/');
    snprintf(slash, (size_t)(path + sizeof path - slash), "/kvctl");
    return access(path, X_OK) == 0 ? path : "kvctl";
}

/* An event that did not happen makes the measures something else than what was asked for. */
static bool faults_failed(const struct bench_fault *faults, uint32_t count,
                          const struct bench_fault_result *results)
{
    bool failed = false;

    for (uint32_t i = 0; i < count; i++) {
        const struct bench_fault *fault = &faults[i];

        if (results[i].done && results[i].status != 0) {
            fprintf(stderr, "kvbench: kvctl cluster %s %u failed\n", bench_fault_name(fault->verb),
                    fault->node);
            failed = true;
        }
    }
    return failed;
}

static int run(struct bench_settings *settings)
{
    struct kv_endpoints_options options = {.list = settings->endpoints, .path = settings->cluster};
    struct kv_endpoints endpoints = {0};
    struct kv_endpoints_error endpoints_error;
    struct bench_result *result;
    char error[BENCH_RUN_ERROR_BYTES] = "";
    enum bench_end end;

    settings->driver = bench_driver_find(settings->driver_name);
    if (settings->driver == NULL) {
        fprintf(stderr, "kvbench: this build has no driver for %s: its library was not there\n",
                settings->driver_name);
        return BENCH_END_USAGE;
    }
    if (settings->driver->has_status &&
        kv_endpoints_find(&options, &endpoints, &endpoints_error) != STATUS_OK) {
        fprintf(stderr, "kvbench: %s\n", endpoints_error.text);
        return BENCH_END_USAGE;
    }
    settings->kvctl = find_kvctl();
    settings->directory = directory_of(settings->cluster);
    settings->progress |= isatty(STDERR_FILENO) != 0;
    end = bench_run(settings, settings->driver->has_status ? endpoints.list : settings->endpoints,
                    endpoints.cluster, &interrupted, &result, error);
    if (error[0] != '\0') {
        fprintf(stderr, "kvbench: %s\n", error);
    }
    if (result->load.done || result->run.done || result->search.count > 0) {
        (settings->json   ? bench_report_json
         : settings->html ? bench_report_html
                          : bench_report_plain)(stdout, settings, result);
    }
    if (result->run.measures.failed > 0) {
        fprintf(stderr, "kvbench: %llu operations failed: see the lines with Return=\n",
                (unsigned long long)result->run.measures.failed);
    }
    if (result->run.measures.unsent > 0) {
        fprintf(stderr,
                "kvbench: %llu operations were due and could not be sent: that --rate is more than "
                "the cluster serves\n",
                (unsigned long long)result->run.measures.unsent);
    }
    if (faults_failed(settings->faults, settings->fault_count, result->faults) &&
        end == BENCH_END_OK) {
        end = BENCH_END_FAILURES;
    }
    bench_result_free(result);
    if (settings->driver->has_status) {
        kv_endpoints_close(&endpoints);
    }
    return fflush(stdout) == 0 ? (int)end : EXIT_FAILURE;
}

static int run_bank(int argc, char **argv)
{
    static struct bank_result result;
    struct bank_settings settings;
    struct kv_endpoints endpoints;
    struct kv_endpoints_error endpoints_error;
    char error[BENCH_RUN_ERROR_BYTES] = "", wrong[BENCH_ERROR_BYTES];
    bool help = false;
    enum bench_end end;

    if (!bank_options_parse(argc, argv, &settings, &help, wrong)) {
        fprintf(stderr, "kvbench: %s\n", wrong);
        return BENCH_END_USAGE;
    }
    if (help) {
        bank_options_help(stdout);
        return EXIT_SUCCESS;
    }
    struct kv_endpoints_options options = {.list = settings.endpoints, .path = settings.cluster};
    if (kv_endpoints_find(&options, &endpoints, &endpoints_error) != STATUS_OK) {
        fprintf(stderr, "kvbench: %s\n", endpoints_error.text);
        return BENCH_END_USAGE;
    }
    catch_signals();
    end = bank_run(&settings, endpoints.list, endpoints.cluster, &interrupted, &result, error);
    if (error[0] != '\0') {
        fprintf(stderr, "kvbench: %s\n", error);
    }
    if (end != BENCH_END_UNAVAILABLE) {
        bank_report(stdout, &settings, &result);
    }
    if (end == BENCH_END_FAILURES) {
        fprintf(stderr, "kvbench: the answers cannot all be true: %s\n", result.verdict.text);
    }
    kv_endpoints_close(&endpoints);
    return fflush(stdout) == 0 ? (int)end : EXIT_FAILURE;
}

static int run_service(enum service_kind kind, int argc, char **argv)
{
    static struct service_settings settings;
    static struct service_result result;
    struct kv_endpoints endpoints;
    struct kv_endpoints_error endpoints_error;
    char error[BENCH_RUN_ERROR_BYTES] = "", wrong[BENCH_ERROR_BYTES];
    bool help = false;
    enum bench_end end;

    if (!service_options_parse(kind, argc, argv, &settings, &help, wrong)) {
        fprintf(stderr, "kvbench: %s\n", wrong);
        return BENCH_END_USAGE;
    }
    if (help) {
        service_options_help(kind, stdout);
        return EXIT_SUCCESS;
    }
    struct kv_endpoints_options options = {.list = settings.endpoints, .path = settings.cluster};
    if (kv_endpoints_find(&options, &endpoints, &endpoints_error) != STATUS_OK) {
        fprintf(stderr, "kvbench: %s\n", endpoints_error.text);
        return BENCH_END_USAGE;
    }
    settings.kvctl = find_kvctl();
    settings.directory = directory_of(settings.cluster);
    settings.progress |= isatty(STDERR_FILENO) != 0;
    catch_signals();
    end = service_run(&settings, endpoints.list, endpoints.cluster, &interrupted, &result, error);
    if (error[0] != '\0') {
        fprintf(stderr, "kvbench: %s\n", error);
    }
    if (end != BENCH_END_UNAVAILABLE) {
        service_report(stdout, &settings, &result);
    }
    if (end == BENCH_END_FAILURES) {
        fprintf(stderr, "kvbench: the answers cannot all be true: %s\n", result.verdict);
    }
    if (faults_failed(settings.faults, settings.fault_count, result.faults) &&
        end == BENCH_END_OK) {
        end = BENCH_END_FAILURES;
    }
    service_result_close(&result);
    kv_endpoints_close(&endpoints);
    return fflush(stdout) == 0 ? (int)end : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static struct bench_settings settings;
    char error[BENCH_ERROR_BYTES];

    if (argc > 1 && strcmp(argv[1], "bank") == 0) {
        return run_bank(argc - 1, argv + 1);
    }
    if (argc > 1 && strcmp(argv[1], "report") == 0) {
        return page_main(argc - 1, argv + 1);
    }
    if (argc > 1 && strcmp(argv[1], "counter") == 0) {
        return run_service(SERVICE_COUNTER, argc - 1, argv + 1);
    }
    if (argc > 1 && strcmp(argv[1], "chirper") == 0) {
        return run_service(SERVICE_CHIRPER, argc - 1, argv + 1);
    }
    switch (bench_options_parse(argc, argv, &settings, error)) {
    case BENCH_COMMAND_RUN:
        catch_signals();
        return run(&settings);
    case BENCH_COMMAND_HELP:
        bench_options_help(stdout);
        return EXIT_SUCCESS;
    case BENCH_COMMAND_VERSION:
        puts("kvbench " BENCH_VERSION);
        return EXIT_SUCCESS;
    case BENCH_COMMAND_INVALID:
        break;
    }
    fprintf(stderr, "kvbench: %s\n", error);
    return BENCH_END_USAGE;
}
