/* SPDX-License-Identifier: BSD-3-Clause */

/* simulate: calls over an emulated link, in virtual time. Its figures are those of the library and
 * the link alone: a machine's speed is not in them, and the same seed gives the same losses. */

#include "simulate.h"

#include "alloc.h"
#include "../fuzz/fixed-random.h"
#include "heap.h"
#include "simulate-faults.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REASONS 16
#define COMPLAINTS 10 /* calls named on stderr */

typedef struct {
    uint64_t calls, seed;
    CallSettings call;
    int world; /* everything may happen */
    int json;
} Options;

typedef struct {
    uint64_t connected, stuck, wrong;
    uint64_t failed[REASONS];
    uint64_t datagrams, associations, messages, mended;
    SluiceTime *connect; /* of each call that connected */
    int64_t leaked;
} Totals;

static const char usage[] =
    "usage: simulate [options]\n"
    "Runs calls between two transports over an emulated link, in virtual time.\n"
    "  --calls N       how many (1000)\n"
    "  --seed S        of the link's random numbers; call I alone is --calls 1 --seed S+I (1)\n"
    "  --loss P        probability 0..1 that a datagram is lost (0)\n"
    "  --duplicate P   that it arrives twice (0)\n"
    "  --reorder P     that it is held back by one more delay (0)\n"
    "  --corrupt P     that one bit of it is flipped (0)\n"
    "  --delay MS      one way, constant (20)\n"
    "  --mtu BYTES     larger datagrams vanish; 0: none (0)\n"
    "  --faults        attackers, stopped processes, set clocks, blocked networks, no memory, odd "
    "calls:\n"
    "                  each call meets some of them, drawn from its seed\n"
    "  --anything      all these, and peers that restart, come back, vanish, renegotiate, send "
    "alerts; "
    "any call\n"
    "                  at any time; links of all kinds, where the options name none\n"
    "  --trace         prints what befalls the calls, to stderr\n"
    "  --json          one line of JSON\n"
    "  --help          this text\n"
    "Prints: calls, connected, failed by reason, stuck (neither connected nor failed after 30 s), "
    "connect_ms\n"
    "(both ends' start to the later end's connected), datagrams_per_call (handshake datagrams that "
    "both ends\n"
    "of a connected call sent until then), bytes_leaked, wrong (keys differ, a message that the "
    "link\n"
    "delivered is missing or altered, a timer is left, ...: see stderr).\n"
    "With --anything, too: associations (generations of keys that came into force), messages "
    "(delivered), mended "
    "(calls of\n"
    "which a restart, or new transports, had to make a call at the end).\n"
    "Exit status: 0, 1 when something is stuck, leaked or wrong, 2 for a usage error.\n";

static int usage_error(const char *option, const char *text)
{
    fprintf(stderr, "simulate: --%s: not a valid value: %s\n", option, text);
    return 0;
}

static int parse_count(const char *option, const char *text, uint64_t max, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 0);
    if (errno || end == text || *end || strchr(text, '-') || *out > max)
        return usage_error(option, text);
    return 1;
}

static int parse_number(const char *option, const char *text, double max, double *out)
{
    char *end;

    errno = 0;
    *out = strtod(text, &end);
    if (errno || end == text || *end || !(*out >= 0 && *out <= max))
        return usage_error(option, text);
    return 1;
}

static int parse_option(Options *options, int key, const char *name, const char *text)
{
    double milliseconds;
    uint64_t mtu;

    switch (key) {
    case 'n':
        return parse_count(name, text, 100000000, &options->calls);
    case 's':
        return parse_count(name, text, UINT64_MAX, &options->seed);
    case 'l':
        return parse_number(name, text, 1, &options->call.link.loss);
    case 'd':
        return parse_number(name, text, 1, &options->call.link.duplicate);
    case 'r':
        return parse_number(name, text, 1, &options->call.link.reorder);
    case 'c':
        return parse_number(name, text, 1, &options->call.link.corrupt);
    case 'D':
        if (!parse_number(name, text, 60000, &milliseconds))
            return 0;
        options->call.link.delay = (SluiceTime)(milliseconds * 1e6);
        return 1;
    case 'm':
        if (!parse_count(name, text, 65535, &mtu))
            return 0;
        options->call.link.mtu = (size_t)mtu;
        return 1;
    case 'f':
        options->call.faults = ~0u;
        return 1;
    case 'w':
        options->world = 1;
        options->call.faults = ~0u;
        return 1;
    case 't':
        options->call.trace->aloud = 1;
        return 1;
    case 'j':
        options->json = 1;
        return 1;
    default: /* getopt_long has said what is wrong */
        return 0;
    }
}

/* 1: go on; 0: usage error; -1: help was all that was wanted. */
static int parse_options(Options *options, int argc, char **argv)
{
    static const struct option known[] = {
        {"calls", required_argument, NULL, 'n'},   {"seed", required_argument, NULL, 's'},
        {"loss", required_argument, NULL, 'l'},    {"duplicate", required_argument, NULL, 'd'},
        {"reorder", required_argument, NULL, 'r'}, {"corrupt", required_argument, NULL, 'c'},
        {"delay", required_argument, NULL, 'D'},   {"mtu", required_argument, NULL, 'm'},
        {"faults", no_argument, NULL, 'f'},        {"anything", no_argument, NULL, 'w'},
        {"trace", no_argument, NULL, 't'},         {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    int key, which = 0;

    options->calls = 1000;
    options->seed = 1;
    options->call.link.delay = 20 * SLUICE_MILLISECOND;
    while ((key = getopt_long(argc, argv, "", known, &which)) != -1) {
        if (key == 'h')
            return -1;
        if (!parse_option(options, key, known[which].name, optarg))
            return 0;
    }
    if (optind < argc) {
        fprintf(stderr, "simulate: unexpected argument: %s\n", argv[optind]);
        return 0;
    }
    return 1;
}

/* Bytes in use, by the best count there is. What OpenSSL keeps for this thread (error strings,
 * random generators) comes and goes, so it is given back first. */
typedef struct {
    int64_t bytes, blocks;
} InUse;

static InUse in_use(void)
{
    AllocCount count;

    OPENSSL_thread_stop();
    if (heap_is_counted())
        return (InUse){heap_bytes(), heap_blocks()};
    count = alloc_count();
    return (InUse){count.own_bytes + count.openssl_bytes, 0};
}

/* OpenSSL's cache of methods drops one now and then, and has it again the next time. A block of the same size then counts 16
 * bytes more or less: malloc() gives away what is too small to be one. */
#define ROUNDING 64

static int64_t leaked_since(const InUse *before)
{
    InUse now = in_use();
    int64_t bytes = now.bytes - before->bytes;

    return bytes < 0 || (bytes <= ROUNDING && heap_is_counted() && now.blocks == before->blocks)
               ? 0
               : bytes;
}

/* Whatever the libraries set up once in a process, they set up here: success, failure with an
 * alert, a deadline. */
static int warm_up(SluiceConfig *const configs[2], Cast *cast)
{
    static Trace trace;
    const CallSettings clean = {.link = {.delay = SLUICE_MILLISECOND}, .trace = &trace},
                       dead = {.link = {.delay = SLUICE_MILLISECOND, .loss = 1}, .trace = &trace},
                       bad = {.link = {.delay = SLUICE_MILLISECOND, .corrupt = 0.5, .loss = 0.2},
                              .trace = &trace},
                       any = {.faults = ~0u, .trace = &trace};
    CallResult result;

    simulate_call(configs, &dead, 1, &result);
    for (uint64_t seed = 1; seed <= 20; seed++)
        simulate_call(configs, &bad, seed, &result);
    for (uint64_t seed = 1; cast && seed <= 30; seed++)
        simulate_world(cast, &any, seed, &result);
    simulate_call(configs, &clean, 1, &result);
    if (result.outcome != CALL_CONNECTED)
        fprintf(stderr, "simulate: no connection over a perfect link: %s\n",
                sluice_end_reason_name(result.reason));
    return result.outcome == CALL_CONNECTED;
}

static void count_call(Totals *totals, const CallResult *result)
{
    switch (result->outcome) {
    case CALL_CONNECTED:
        totals->connect[totals->connected++] = result->connect;
        totals->datagrams += result->datagrams;
        break;
    case CALL_FAILED:
        totals->failed[(unsigned)result->reason < REASONS ? result->reason : 0]++;
        break;
    case CALL_STUCK:
        totals->stuck++;
        break;
    }
    totals->wrong += result->wrong[0] != 0;
    totals->associations += result->associations;
    totals->messages += result->messages;
    totals->mended += result->mended != 0;
}

/* A crash, or a limit of the time that tests may take, names the call, too; then it is what it would have been. */
static volatile uint64_t current_seed;
static struct sigaction others[NSIG];

static void name_call(int number)
{
    char line[80] = "\nsimulate: in the call with seed ", digits[24];
    size_t len = strlen(line), n = 0;

    for (uint64_t left = current_seed; left || n == 0; left /= 10)
        digits[n++] = (char)('0' + left % 10);
    while (n)
        line[len++] = digits[--n];
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0)
        _exit(3);
    sigaction(number, &others[number], NULL);
    if (number == SIGTERM)
        raise(number);
}

static void name_calls(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGTERM};
    struct sigaction ours = {.sa_handler = name_call};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &ours, &others[numbers[i]]);
}

static void run_calls(const Options *options, SluiceConfig *const configs[2], Cast *cast,
                      Totals *totals)
{
    InUse before = in_use();
    unsigned complaints = 0;

    for (uint64_t i = 0; i < options->calls; i++) {
        uint64_t seed = options->seed + i;
        CallResult result;

        current_seed = seed;
        fixed_random_restart_at(seed);
        if (options->world)
            simulate_world(cast, &options->call, seed, &result);
        else
            simulate_call(configs, &options->call, seed, &result);
        count_call(totals, &result);
        if ((result.wrong[0] || result.outcome == CALL_STUCK) && complaints++ < COMPLAINTS) {
            trace_print(options->call.trace);
            fprintf(stderr,
                    "simulate: call with seed %" PRIu64
                    ": %s; again, with the same options: --calls 1 --seed %" PRIu64 " --trace\n",
                    seed, result.wrong[0] ? result.wrong : "stuck", seed);
        }
    }
    totals->leaked = leaked_since(&before);
}

static int compare_times(const void *a, const void *b)
{
    SluiceTime x = *(const SluiceTime *)a, y = *(const SluiceTime *)b;

    return (x > y) - (x < y);
}

/* In milliseconds, of the sorted times; 0 when no call connected. */
static double percentile(const Totals *totals, unsigned percent)
{
    uint64_t rank = (totals->connected * percent + 99) / 100;

    return totals->connected ? (double)totals->connect[rank - 1] / 1e6 : 0;
}

static double datagrams_per_call(const Totals *totals)
{
    return totals->connected ? (double)totals->datagrams / (double)totals->connected : 0;
}

static void print_json(const Options *options, const Totals *totals)
{
    const char *separator = "";

    printf("{\"calls\":%" PRIu64 ",\"connected\":%" PRIu64 ",\"failed\":{", options->calls,
           totals->connected);
    for (int i = 0; i < REASONS; i++)
        if (totals->failed[i]) {
            printf("%s\"%s\":%" PRIu64, separator, sluice_end_reason_name((SluiceEndReason)i),
                   totals->failed[i]);
            separator = ",";
        }
    printf("},\"stuck\":%" PRIu64
           ",\"connect_ms\":{\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f,\"max\":%.3f},"
           "\"datagrams_per_call\":%.3f,\"bytes_leaked\":%" PRId64 ",\"wrong\":%" PRIu64
           ",\"associations\":%" PRIu64 ",\"messages\":%" PRIu64 ",\"mended\":%" PRIu64
           ",\"seed\":%" PRIu64 "}\n",
           totals->stuck, percentile(totals, 50), percentile(totals, 95), percentile(totals, 99),
           percentile(totals, 100), datagrams_per_call(totals), totals->leaked, totals->wrong,
           totals->associations, totals->messages, totals->mended, options->seed);
}

static void print_text(const Options *options, const Totals *totals)
{
    printf("calls              %" PRIu64 " (seed %" PRIu64 ")\nconnected          %" PRIu64 "\n",
           options->calls, options->seed, totals->connected);
    for (int i = 0; i < REASONS; i++)
        if (totals->failed[i])
            printf("failed             %" PRIu64 " %s\n", totals->failed[i],
                   sluice_end_reason_name((SluiceEndReason)i));
    printf("stuck              %" PRIu64
           "\nconnect_ms         p50 %.1f  p95 %.1f  p99 %.1f  max %.1f\n"
           "datagrams_per_call %.2f\nbytes_leaked       %" PRId64 "\nwrong              %" PRIu64
           "\n",
           totals->stuck, percentile(totals, 50), percentile(totals, 95), percentile(totals, 99),
           percentile(totals, 100), datagrams_per_call(totals), totals->leaked, totals->wrong);
    if (options->world)
        printf("associations       %" PRIu64 "\nmessages           %" PRIu64
               "\nmended             %" PRIu64 "\n",
               totals->associations, totals->messages, totals->mended);
}

int main(int argc, char **argv)
{
    Options options = {0};
    Totals totals = {0};
    static Trace trace;
    SluiceConfig *configs[2];
    Cast *cast;
    int parsed, ready;

    alloc_init();
    fixed_random_install(); /* or the same seed would not give the same signatures, some a byte longer */
    options.call.trace = &trace;
    parsed = parse_options(&options, argc, argv);
    if (parsed <= 0) {
        fputs(usage, parsed ? stdout : stderr);
        return parsed ? 0 : 2;
    }
    totals.connect = test_malloc((size_t)options.calls * sizeof *totals.connect);
    configs[0] = sluice_config_new(NULL);
    configs[1] = sluice_config_new(NULL);
    cast = options.world ? cast_new() : NULL;
    faults_steal();
    name_calls();
    ready = configs[0] && configs[1] && (cast || !options.world) && warm_up(configs, cast);
    if (ready) {
        run_calls(&options, configs, cast, &totals);
        qsort(totals.connect, (size_t)totals.connected, sizeof *totals.connect, compare_times);
        (options.json ? print_json : print_text)(&options, &totals);
    }
    sluice_config_unref(configs[0]);
    sluice_config_unref(configs[1]);
    cast_free(cast);
    faults_forget();
    test_free(totals.connect);
    return ready && !totals.stuck && !totals.wrong && totals.leaked == 0 ? 0 : 1;
}
