/* SPDX-License-Identifier: BSD-3-Clause */

/* Our side of the comparison with GStreamer: two transports in one process. */

#include "peers.h"

#include <string.h>
#include <unistd.h>

#define SSRC 0x51ce0001

static double run_packets(const Job *job)
{
    static uint8_t plain[SLOT];
    static _Alignas(8) uint8_t slot[SLOT];
    SluiceConfig *config = call_config(job->profile);
    SluiceTransport *ends[2];
    size_t plain_len = packet_write(plain, job->payload, SSRC, 0);
    double start = 0;

    call_open(config, ends, NULL);
    /* The first packets make the streams; they are not measured, nor are those of the peer. */
    for (size_t i = 0; i < job->count + job->count / 8; i++) {
        size_t len = plain_len;
        SluiceKind kind;

        if (i == job->count / 8)
            start = cpu_of_process(getpid());
        memcpy(slot, plain, plain_len);
        packet_renumber(slot, (uint16_t)i);
        require_ok(sluice_transport_protect(ends[CLIENT], SLUICE_KIND_RTP, slot, &len, sizeof slot),
                   "protect");
        require_ok(sluice_transport_receive(ends[SERVER], call_now(), slot, &len, &kind),
                   "unprotect");
        if (kind != SLUICE_KIND_RTP || len != plain_len || slot[len - 1] != plain[len - 1])
            die("not the packet that was sent");
    }
    start = cpu_of_process(getpid()) - start;
    call_close(ends, NULL);
    sluice_config_unref(config);
    return start / (double)job->count;
}

static double run_handshakes(const Job *job)
{
    SluiceConfig *config = call_config(job->profile);
    SluiceTransport *ends[2];
    double spent = 0;

    call_open(config, ends, NULL); /* freezes the config, which makes its SSL_CTX */
    call_close(ends, NULL);
    for (size_t i = 0; i < job->count; i++) {
        double start = cpu_of_process(getpid());

        call_open(config, ends, NULL);
        if (!job->with_end)
            spent += cpu_of_process(getpid()) - start;
        call_close(ends, NULL);
        if (job->with_end)
            spent += cpu_of_process(getpid()) - start;
    }
    sluice_config_unref(config);
    return spent / (2 * (double)job->count);
}

double sluice_run(const Job *job)
{
    return job->kind == JOB_PACKETS ? run_packets(job) : run_handshakes(job);
}
