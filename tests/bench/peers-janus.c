/* SPDX-License-Identifier: BSD-3-Clause */

/* peers-janus [--rounds N] [--scale PERCENT] OURS JANUS ADDRESS: what the echo test of Janus costs against peers-echo, each
 * called through its Unix socket by the same client, and measured from outside: CPU time of the whole server process. */

#include "peers-client.h"

#include <stdio.h>
#include <stdlib.h>

#define WINDOW 64
#define CALLS 20
#define MANY 100
#define SETTLE_MS 700
#define MOST_LOST 0.01

typedef struct {
    const char *address;
    SluiceConfig *cm80, *gcm128;
    Api servers[2]; /* ours, Janus */
    size_t rounds;
    unsigned percent;
} Bench;

enum { OURS, PEER };

/* -- packets ------------------------------------------------------------------------------------------------ */

typedef struct {
    const char *profile;
    size_t payload, n, window, calls;
} Traffic;

/* CPU time of the server in ns for a packet that went in and came back. */
static double echo_packets(Client *clients, const Traffic *load)
{
    double start = cpu_of_process(clients->server->pid);
    uint64_t lost = 0;

    for (size_t i = 0; i < load->calls; i++)
        clients[i].lost = 0;
    if (load->calls == 1)
        client_echo(clients, load->payload, load->n, load->window);
    else
        clients_echo(clients, load->calls, load->payload, load->n, load->window);
    start = cpu_of_process(clients->server->pid) - start;
    for (size_t i = 0; i < load->calls; i++)
        lost += clients[i].lost;
    if ((double)lost > MOST_LOST * (double)load->n)
        die("too many packets were lost");
    return start / (double)load->n;
}

static void report_echo(const Traffic *load, const char *which, double cost[2][ROUNDS_MAX],
                        size_t rounds)
{
    char what[256], sessions[32];

    snprintf(sessions, sizeof sessions, load->calls == 1 ? "1 session" : "%zu sessions in turn",
             load->calls);
    snprintf(what, sizeof what, "Janus echo on libnice, in and out, %zu B, %s, %s, %s%s",
             load->payload, load->profile, sessions,
             load->window == 1 ? "one packet at a time" : "64 packets at a time", which);
    report_peer("P2", what, "ns", cost[OURS], cost[PEER], rounds);
}

static void compare_packets(const Bench *bench, Client *clients[2], Traffic load)
{
    static double cost[2][ROUNDS_MAX], rest[2][ROUNDS_MAX];
    Traffic warm;

    load.n = (load.n * bench->percent / 100 / load.window + 1) * load.window;
    warm = load;
    warm.n = (load.n / 4 / load.window + 1) * load.window;
    for (int i = 0; i < 2; i++)
        (void)echo_packets(clients[i], &warm);
    for (size_t round = 0; round < bench->rounds; round++) {
        double kernel = kernel_cost(bench->address, load.payload, 6400);

        for (size_t i = 0; i < 2; i++) {
            size_t turn = (i + round) % 2;

            cost[turn][round] = echo_packets(clients[turn], &load);
            rest[turn][round] = cost[turn][round] - kernel;
        }
    }
    report_echo(&load, "", cost, bench->rounds);
    report_echo(&load, ", less the kernel's sendto and recvfrom", rest, bench->rounds);
}

static void compare_echoes(Bench *bench, SluiceConfig *config, const char *profile, size_t calls)
{
    Client *clients[2];

    for (int i = 0; i < 2; i++) {
        clients[i] = g_new0(Client, calls);
        for (size_t j = 0; j < calls; j++)
            client_call(&clients[i][j], &bench->servers[i], config, bench->address, TRUE);
        for (size_t j = 0; j < calls; j++)
            client_wait_until_connected(&clients[i][j]);
    }
    compare_packets(bench, clients, (Traffic){profile, 1200, 20000, WINDOW, calls});
    compare_packets(bench, clients, (Traffic){profile, 160, 20000, WINDOW, calls});
    if (calls == 1 && config == bench->gcm128)
        compare_packets(bench, clients, (Traffic){profile, 1200, 4000, 1, calls});
    for (int i = 0; i < 2; i++) {
        for (size_t j = 0; j < calls; j++)
            client_hang_up(&clients[i][j]);
        g_free(clients[i]);
    }
}

/* -- handshakes --------------------------------------------------------------------------------------------- */

/* CPU time of the server in ns for a call, from its first message to its end. */
static double make_calls(const Bench *bench, Api *server, gboolean with_dtls)
{
    static Client calls[CALLS];
    double start = cpu_of_process(server->pid);

    for (int i = 0; i < CALLS; i++)
        client_call(&calls[i], server, bench->gcm128, bench->address, with_dtls);
    for (int i = 0; i < CALLS; i++) {
        client_wait_until_connected(&calls[i]);
        if (with_dtls)
            client_echo(&calls[i], 160, 1, 1); /* its keys are good for something */
    }
    for (int i = 0; i < CALLS; i++)
        client_hang_up(&calls[i]);
    (void)run_until(NULL, NULL, SETTLE_MS); /* what frees a call may come later */
    return (cpu_of_process(server->pid) - start) / CALLS;
}

static void compare_calls(Bench *bench)
{
    static double whole[2][ROUNDS_MAX], rest[2][ROUNDS_MAX];

    for (int i = 0; i < 2; i++)
        (void)make_calls(bench, &bench->servers[i], TRUE);
    for (size_t round = 0; round < bench->rounds; round++) {
        double ice = make_calls(bench, &bench->servers[OURS], FALSE);

        for (size_t i = 0; i < 2; i++) {
            size_t turn = (i + round) % 2;

            whole[turn][round] = make_calls(bench, &bench->servers[turn], TRUE);
            rest[turn][round] = whole[turn][round] - ice;
        }
    }
    report_peer("P3",
                "Janus on libnice, a call from its first message to its end, 20 at once, P-256",
                "ns", whole[OURS], whole[PEER], bench->rounds);
    report_peer(
        "P3",
        "Janus on libnice, a call from its first message to its end, 20 at once, P-256, less "
        "signalling and ICE of our echo",
        "ns", rest[OURS], rest[PEER], bench->rounds);
}

/* -- main --------------------------------------------------------------------------------------------------- */

static void parse(int *argc, char ***argv, int *rounds, int *percent)
{
    const GOptionEntry entries[] = {
        {"rounds", 0, 0, G_OPTION_ARG_INT, rounds, "Rounds of each case", "N"},
        {"scale", 0, 0, G_OPTION_ARG_INT, percent, "Size of a round", "PERCENT"},
        G_OPTION_ENTRY_NULL};
    g_autoptr(GOptionContext) context = g_option_context_new("OURS JANUS ADDRESS");

    g_option_context_add_main_entries(context, entries, NULL);
    if (g_option_context_parse(context, argc, argv, NULL) && *argc == 4 && *rounds >= 1 &&
        *rounds <= ROUNDS_MAX && *percent >= 1 && *percent <= 10000)
        return;
    g_autofree char *help = g_option_context_get_help(context, TRUE, NULL);
    fputs(help, stderr);
    exit(2);
}

int main(int argc, char **argv)
{
    int rounds = 15, percent = 100;
    Bench bench;

    parse(&argc, &argv, &rounds, &percent);
    bench = (Bench){.address = argv[3],
                    .cm80 = call_config(&profile_cm80),
                    .gcm128 = call_config(&profile_gcm128),
                    .rounds = (size_t)rounds,
                    .percent = (unsigned)percent};
    if (!api_connect(&bench.servers[OURS], "peers-echo", argv[1]) ||
        !api_connect(&bench.servers[PEER], "Janus", argv[2]))
        die("a server does not listen");
    compare_calls(&bench);
    compare_echoes(&bench, bench.gcm128, "GCM128", 1);
    compare_echoes(&bench, bench.cm80, "CM80", 1);
    compare_echoes(&bench, bench.gcm128, "GCM128", MANY);
    compare_echoes(&bench, bench.cm80, "CM80", MANY);
    sluice_config_unref(bench.cm80);
    sluice_config_unref(bench.gcm128);
    return 0;
}
