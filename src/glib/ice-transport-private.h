/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SL_ICE_TRANSPORT_PRIVATE_H
#define SL_ICE_TRANSPORT_PRIVATE_H

/* SluiceIceTransport inside: ice-transport.c is the GObject, -io.c is libnice in and out,
 * -source.c is the port that other threads reach, the GSource and what it does, -stats.c the
 * figures. */

#include <sluice-glib/sluice-glib.h>

#include <pthread.h>
#include <stdatomic.h>

/* Messages of send_data() from other threads that wait for the context: as many as the core's
 * output holds. */
#define SL_POSTED_MAX 256
#define SL_POSTED_BYTES_MAX 1048576

/* How long DTLS waits when the socket is full: UDP sockets of libnice tell nobody when they are
 * writable again. */
#define SL_RETRY_USEC 20000

/* What was done to the object by all who have dropped a reference has been done: true without it, but libgobject's
 * atomic count is nothing that ThreadSanitizer can see (tests/support/tsan-object.c). */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define SL_ICE_LAST_REFERENCE(object) __tsan_acquire(object)
#else
#define SL_ICE_LAST_REFERENCE(object) ((void)(object))
#endif

/* All that libnice and other threads may touch. It outlives the transport where it must, and
 * finds it by a weak reference, so that a callback that is already on its way meets nothing that
 * is freed. */
typedef struct {
    atomic_int refs; /* no GLib count: as with the lock below, ThreadSanitizer sees this one */
    GWeakRef transport;
    guint stream_id, component_id;
    pthread_mutex_t lock; /* holds what follows; no GMutex */
    GSource *source;      /* NULL once the transport has gone */
    gboolean pending;     /* the source was told to run and has not yet */
    gboolean ice_changed; /* the component's state or pair changed */
    GQueue posted;        /* of GBytes */
    gsize posted_bytes;
} SlIcePort;

SlIcePort *sl_ice_port_new(SluiceIceTransport *transport, guint stream_id, guint component_id);
SlIcePort *sl_ice_port_ref(SlIcePort *self);
void sl_ice_port_unref(SlIcePort *self);
/* Makes the source and attaches it. */
void sl_ice_port_attach(SlIcePort *self, GMainContext *context);
/* Destroys the source. */
void sl_ice_port_detach(SlIcePort *self);
/* Makes the source run, soon. Any thread. */
void sl_ice_port_wake(SlIcePort *self, gboolean ice_changed);
/* FALSE: too much waits. Any thread. */
gboolean sl_ice_port_post(SlIcePort *self, const guint8 *data, gsize len);
/* 1 if posted messages wait. */
gboolean sl_ice_port_has_posted(SlIcePort *self);
/* The oldest posted message, owned by the caller, or NULL; _put_back() returns it to the front. */
GBytes *sl_ice_port_take_posted(SlIcePort *self);
void sl_ice_port_put_back(SlIcePort *self, GBytes *message);

/* The one packet function, or the one event function; counted, because it may be replaced while it runs. */
typedef struct {
    guint refs;
    SluiceIceTransportPacketFunc packet;
    SluiceIceTransportBytesFunc bytes;
    SluiceIceTransportEventFunc event;
    gpointer user_data;
    GDestroyNotify destroy;
} SlSink;

typedef enum {
    SL_ICE_SENT,
    SL_ICE_NO_PAIR, /* wait until ICE has one, or has consent again: a signal tells */
    SL_ICE_FULL,    /* wait a little */
    SL_ICE_REFUSED  /* for good */
} SlIceSent;

struct _SluiceIceTransport {
    GObject parent_instance;

    NiceAgent *agent;
    guint stream_id, component_id;
    SluiceConfig *config;
    GMainContext *context;
    SluiceTransport *core; /* from init to finalize */
    SlIcePort *port;       /* from init to dispose */
    gulong handlers[3];    /* of signals of the agent */

    /* What was notified last. */
    SluiceState state;
    SluiceRole role;
    SluiceSrtpProfile profile;
    GBytes *remote_certificate;
    char *remote_fingerprint;
    gboolean fingerprint_changed; /* and not notified yet */
    GError *last_error;

    SlSink *sink, *event_sink;

    gboolean start_pending; /* start() was called before ICE had a path */
    SluiceRole start_role;
    GError *start_error; /* the late start was refused: the reason of the end that follows */
    gboolean path_validated;

    gboolean flushing, delivering; /* against re-entry */
    guint calls;                   /* calls that may have changed the core's output */
    SlIceSent blocked; /* what the oldest output waits for; SL_ICE_SENT: nothing waits */
    gint64 retry_at;   /* microseconds, for SL_ICE_FULL */
    gint64 armed;      /* ready time of the source, -1: none */

    /* Read by senders in other threads. */
    atomic_int core_state;
    atomic_size_t max_data_size;

    _Atomic guint64 media_refused, media_unclaimed, data_lost, output_blocked, wakeups;
};

/* ice-transport.c */
enum {
    SL_PROP_AGENT = 1,
    SL_PROP_STREAM_ID,
    SL_PROP_COMPONENT_ID,
    SL_PROP_CONFIG,
    SL_PROP_MAIN_CONTEXT,
    SL_PROP_STATE,
    SL_PROP_ROLE,
    SL_PROP_SELECTED_PROFILE,
    SL_PROP_REMOTE_CERTIFICATE,
    SL_PROP_REMOTE_FINGERPRINT,
    SL_PROP_LAST_ERROR,
    SL_N_PROPS
};
/* Notifies, in the context, once. */
void sl_ice_notify(SluiceIceTransport *self, guint prop);
void sl_ice_emit_closed(SluiceIceTransport *self);

/* ice-transport-calls.c */
/* Ends it and sends what can be sent: in the context's thread, or when nobody else holds the
 * transport any more. */
void sl_ice_close(SluiceIceTransport *self);

/* ice-transport-io.c */
SluiceTime sl_ice_now(void);
/* Takes the component's datagrams over, watches its state. */
gboolean sl_ice_attach(SluiceIceTransport *self, GError **error);
void sl_ice_detach(SluiceIceTransport *self);
gboolean sl_ice_has_pair(SluiceIceTransport *self);
/* Sends what the core has to send, as far as ICE takes it. */
void sl_ice_flush(SluiceIceTransport *self);
/* Gives the core what other threads posted, and sends it. */
void sl_ice_send_posted(SluiceIceTransport *self);
void sl_ice_give_sink(SluiceIceTransport *self, SluiceKind kind, guint8 *data, gsize len);
void sl_ice_give_event(SluiceIceTransport *self, const SluiceEvent *event);
void sl_ice_sink_unref(SlSink *sink);

/* ice-transport-source.c */
/* Looks at the path: it may have been validated, and a start may wait for it. */
void sl_ice_check_path(SluiceIceTransport *self, gboolean received);
/* Sends, delivers and arms the timer: after every call into the core from the context. */
void sl_ice_settle(SluiceIceTransport *self);
/* The dispatch of the source. */
void sl_ice_run(SluiceIceTransport *self);
/* After a call of the application: sends at once, leaves the rest to the source. */
void sl_ice_after_call(SluiceIceTransport *self);

/* error.c */
/* Sets @error for a status other than SLUICE_OK; returns TRUE for that one. */
gboolean sl_error_take_status(GError **error, SluiceStatus status);
GError *sl_error_of_end(const SluiceEnd *end);

#endif
