/* SPDX-License-Identifier: BSD-3-Clause */

/* GStreamer's side: two pairs of its DTLS-SRTP elements, joined without a network.
 *
 * Packets come from a pad of this program and go to another, so that no appsrc, queue or sink is charged to GStreamer: all
 * that is measured runs in the pushing thread, but for the elements' own. */

#include "peers.h"

#include <gst/gst.h>

#include <stdio.h>
#include <unistd.h>

#define WAIT_S 20
/* The timer of a connection holds it for a second after its end, and frees it in a thread of its own. */
#define LINGER_US (1200 * 1000)
#define SSRC 0x51ce0001

typedef struct {
    GstElement *pipeline;
    GstElement *enc[2], *dec[2];
    GMutex lock;
    GCond changed;
    int keys; /* ends that have them */
} Pair;

static int is_set_up;
static char *pem; /* a certificate on P-256, as ours has */

/* Elements of one certificate share an SSL_CTX while one of them lives: this one does. */
static GstElement *keeper;

static void set_up(void)
{
    SluiceCertificate *certificate;
    size_t len = 0;

    if (is_set_up)
        return;
    gst_init(NULL, NULL);
    require_ok(sluice_certificate_generate(SLUICE_KEY_ECDSA_P256, &certificate), "certificate");
    (void)sluice_certificate_to_pem(certificate, 1, NULL, &len);
    pem = g_malloc(len + 1);
    require_ok(sluice_certificate_to_pem(certificate, 1, pem, &len), "certificate");
    sluice_certificate_unref(certificate);
    keeper = gst_element_factory_make("dtlsdec", NULL);
    if (!keeper)
        die("GStreamer has no dtlsdec");
    g_object_set(keeper, "pem", pem, NULL);
    is_set_up = 1;
}

static void on_key(G_GNUC_UNUSED GstElement *element, Pair *pair)
{
    g_mutex_lock(&pair->lock);
    pair->keys++;
    g_cond_signal(&pair->changed);
    g_mutex_unlock(&pair->lock);
}

static GstElement *add(Pair *pair, const char *name, const char *connection)
{
    GstElement *element = gst_element_factory_make(name, NULL);

    if (!element)
        die(name);
    g_object_set(element, "connection-id", connection, NULL);
    gst_bin_add(GST_BIN(pair->pipeline), element);
    return element;
}

/* The decoder owns the connection: it comes first. */
static void pair_open(Pair *pair, const Job *job)
{
    static unsigned number;
    int with_srtp = job->kind != JOB_PLAIN_DTLS;

    *pair = (Pair){.pipeline = gst_pipeline_new(NULL)};
    g_mutex_init(&pair->lock);
    g_cond_init(&pair->changed);
    for (int end = CLIENT; end <= SERVER; end++) {
        char connection[32];

        snprintf(connection, sizeof connection, "call-%u", ++number);
        pair->dec[end] = add(pair, with_srtp ? "dtlssrtpdec" : "dtlsdec", connection);
        if (!job->default_certificate)
            g_object_set(pair->dec[end], "pem", pem, NULL);
        pair->enc[end] = add(pair, with_srtp ? "dtlssrtpenc" : "dtlsenc", connection);
        if (end == CLIENT && job->kind != JOB_NO_HANDSHAKE)
            g_object_set(pair->enc[end], "is-client", TRUE, NULL);
        g_signal_connect(pair->enc[end], with_srtp ? "on-key-set" : "on-key-received",
                         G_CALLBACK(on_key), pair);
    }
    for (int end = CLIENT; end <= SERVER; end++)
        if (!gst_element_link_pads(pair->enc[end], "src", pair->dec[!end], "sink"))
            die("cannot link the elements");
}

static void pair_play(Pair *pair, int keys)
{
    gint64 limit = g_get_monotonic_time() + WAIT_S * G_TIME_SPAN_SECOND;

    /* A ClientHello that finds the server's encoder not started yet is an error for good: the client begins last. */
    gst_element_set_locked_state(pair->enc[CLIENT], TRUE);
    if (gst_element_set_state(pair->pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
        die("the elements do not start");
    gst_element_set_locked_state(pair->enc[CLIENT], FALSE);
    if (!gst_element_sync_state_with_parent(pair->enc[CLIENT]))
        die("the client does not start");
    g_mutex_lock(&pair->lock);
    while (pair->keys < keys)
        if (!g_cond_wait_until(&pair->changed, &pair->lock, limit))
            die("GStreamer's handshake has not come to its end");
    g_mutex_unlock(&pair->lock);
}

static void pair_close(Pair *pair)
{
    gst_element_set_state(pair->pipeline, GST_STATE_NULL);
    gst_object_unref(pair->pipeline);
    g_mutex_clear(&pair->lock);
    g_cond_clear(&pair->changed);
}

static double run_handshakes(const Job *job)
{
    double begin = cpu_of_process(getpid()), spent = 0;

    for (size_t i = 0; i < job->count; i++) {
        double start = cpu_of_process(getpid());
        Pair pair;

        pair_open(&pair, job);
        pair_play(&pair, job->kind == JOB_NO_HANDSHAKE ? 0 : 2);
        spent += cpu_of_process(getpid()) - start;
        pair_close(&pair);
    }
    if (job->with_end) {
        g_usleep(LINGER_US);
        spent = cpu_of_process(getpid()) - begin;
    }
    return spent / (2 * (double)job->count);
}

/* -- packets ------------------------------------------------------------------------------------------------ */

static struct {
    size_t packets, len;
    uint8_t last;
} arrived, expected, on_the_wire;

static GstFlowReturn take(G_GNUC_UNUSED GstPad *pad, G_GNUC_UNUSED GstObject *parent,
                          GstBuffer *buffer)
{
    GstMapInfo map;

    if (!gst_buffer_map(buffer, &map, GST_MAP_READ))
        die("cannot map a buffer");
    arrived.packets++;
    arrived.len = map.size;
    arrived.last = map.data[map.size - 1];
    gst_buffer_unmap(buffer, &map);
    gst_buffer_unref(buffer);
    return GST_FLOW_OK;
}

static GstPadProbeReturn look(G_GNUC_UNUSED GstPad *pad, GstPadProbeInfo *info,
                              G_GNUC_UNUSED gpointer user_data)
{
    GstBuffer *buffer = gst_pad_probe_info_get_buffer(info);

    on_the_wire.len = gst_buffer_get_size(buffer);
    gst_buffer_extract(buffer, on_the_wire.len - 1, &on_the_wire.last, 1);
    return GST_PAD_PROBE_REMOVE;
}

static void push(GstPad *out, const uint8_t *packet, size_t len)
{
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, len, NULL);

    gst_buffer_fill(buffer, 0, packet, len);
    if (gst_pad_push(out, buffer) != GST_FLOW_OK)
        die("GStreamer did not take a packet");
}

static GstPad *open_output(Pair *pair)
{
    GstPad *out = gst_pad_new("out", GST_PAD_SRC);
    GstPad *sink = gst_element_request_pad_simple(pair->enc[CLIENT], "rtp_sink_0");
    GstSegment segment;
    GstCaps *caps = gst_caps_new_simple("application/x-rtp", "media", G_TYPE_STRING, "video",
                                        "payload", G_TYPE_INT, 96, "clock-rate", G_TYPE_INT, 90000,
                                        "ssrc", G_TYPE_UINT, (guint)SSRC, NULL);

    if (!sink || gst_pad_link_full(out, sink, GST_PAD_LINK_CHECK_NOTHING) != GST_PAD_LINK_OK)
        die("cannot link the packets");
    gst_object_unref(sink);
    gst_pad_set_active(out, TRUE);
    gst_segment_init(&segment, GST_FORMAT_TIME);
    gst_pad_push_event(out, gst_event_new_stream_start("packets"));
    gst_pad_push_event(out, gst_event_new_caps(caps));
    gst_pad_push_event(out, gst_event_new_segment(&segment));
    gst_caps_unref(caps);
    return out;
}

static GstPad *open_input(Pair *pair)
{
    GstPad *in = gst_pad_new("in", GST_PAD_SINK);
    GstPad *src = gst_element_get_static_pad(pair->dec[SERVER], "rtp_src");

    gst_pad_set_chain_function(in, take);
    gst_pad_set_active(in, TRUE);
    if (gst_pad_link_full(src, in, GST_PAD_LINK_CHECK_NOTHING) != GST_PAD_LINK_OK)
        die("cannot link the packets");
    gst_object_unref(src);
    return in;
}

/* Nobody is measured who passes the packets on as they are. */
static void watch_the_wire(Pair *pair)
{
    GstPad *src = gst_element_get_static_pad(pair->enc[CLIENT], "src");

    gst_pad_add_probe(src, GST_PAD_PROBE_TYPE_BUFFER, look, NULL, NULL);
    gst_object_unref(src);
}

static double run_packets(const Job *job)
{
    uint8_t packet[SLOT];
    size_t len = packet_write(packet, job->payload, SSRC, 0), warm = job->count / 8;
    double start = 0;
    GstPad *in, *out;
    Pair pair;

    pair_open(&pair, job);
    in = open_input(&pair);
    pair_play(&pair, 2);
    out = open_output(&pair);
    watch_the_wire(&pair);
    arrived.packets = 0;
    for (size_t i = 0; i < job->count + warm; i++) {
        if (i == warm)
            start = cpu_of_process(getpid());
        packet_renumber(packet, (uint16_t)i);
        push(out, packet, len);
    }
    start = cpu_of_process(getpid()) - start;
    expected.last = packet[len - 1];
    if (arrived.packets != job->count + warm || arrived.len != len ||
        arrived.last != expected.last || on_the_wire.len != len + job->profile->tag_len)
        die("not the packets that were sent");
    gst_pad_set_active(out, FALSE);
    gst_element_set_state(pair.pipeline, GST_STATE_NULL);
    gst_object_unref(in);
    gst_object_unref(out);
    pair_close(&pair);
    return start / (double)job->count;
}

double gstreamer_run(const Job *job)
{
    set_up();
    return job->kind == JOB_PACKETS ? run_packets(job) : run_handshakes(job);
}
