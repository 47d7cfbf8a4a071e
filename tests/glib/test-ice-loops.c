/* SPDX-License-Identifier: BSD-3-Clause */

/* A loop of its own inside a callback (a dialog's), and a component that goes from one transport to another while the
 * old one's last reference goes in another thread.
 *
 * Bugs held here: the transport's source could not recurse, so that inside a notify nothing of it ran: no timer, no
 * posted message. And taking the mark of who has a component and attaching the receiver were two steps: a new transport
 * made between them was left deaf. */

#include "ice-pair.h"

#include <dlfcn.h>

/* ---- a loop inside a callback ---- */

static guint nested_data;

static gpointer post(gpointer transport)
{
    static const guint8 message[10] = {1};

    return GINT_TO_POINTER(
        sluice_ice_transport_send_data(transport, message, sizeof message, NULL));
}

static gboolean has_data(gpointer end) { return ((End *)end)->data > 0; }

static void on_state(End *end)
{
    if (sluice_ice_transport_get_state(end->transport) != SLUICE_STATE_CONNECTED)
        return;
    end->on_state = NULL;
    /* From another thread, so that it is posted to the context. */
    g_assert_nonnull(g_thread_join(g_thread_new("post", post, end->transport)));
    pair_run_until(end->pair, has_data, &end->pair->a.end[0]);
    nested_data = end->pair->a.end[0].data;
}

static gboolean is_unverified(gpointer end)
{
    return sluice_ice_transport_get_state(((End *)end)->transport) == SLUICE_STATE_UNVERIFIED;
}

static gboolean is_done(gpointer end) { return ((End *)end)->on_state == NULL; }

static void test_posted_in_nested_loop(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];

    pair_signal(pair, &pair->a, &pair->b);
    pair_signal(pair, &pair->b, &pair->a);
    pair_give_fingerprint(pair, 1, &pair->b, &pair->a);
    pair_start(pair, a, SLUICE_ROLE_CLIENT);
    pair_start(pair, b, SLUICE_ROLE_SERVER);
    g_assert_true(pair_run_until(pair, is_unverified, b));
    /* What the fingerprint causes is told by the transport's own source. */
    b->on_state = on_state;
    pair_give_fingerprint(pair, 1, &pair->a, &pair->b);
    g_assert_true(pair_run_until(pair, is_done, b));
    g_assert_cmpuint(nested_data, ==, 1);
    pair_free(pair);
}

/* ---- a component changes hands ---- */

static GThread *held; /* the thread that is kept inside libnice's call */
static gint inside, go_on;

/* The binding asks for the credentials before it leaves a component: there the thread can be held. */
gboolean nice_agent_get_local_credentials(NiceAgent *agent, guint stream_id, gchar **ufrag,
                                          gchar **pwd)
{
    static gboolean (*real)(NiceAgent *, guint, gchar **, gchar **);

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "nice_agent_get_local_credentials");
    if (g_thread_self() == g_atomic_pointer_get(&held)) {
        g_atomic_int_set(&inside, 1);
        while (!g_atomic_int_get(&go_on))
            g_thread_yield();
    }
    return real(agent, stream_id, ufrag, pwd);
}

static gpointer drop(gpointer transport)
{
    g_atomic_pointer_set(&held, g_thread_self());
    g_object_unref(transport);
    return NULL;
}

static void test_component_changes_hands(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0];
    SluiceIceTransport *old = a->transport;
    GThread *thread = g_thread_new("drop", drop, old);
    GError *error = NULL;

    while (!g_atomic_int_get(&inside))
        g_thread_yield();
    a->transport = sluice_ice_transport_new(pair->a.agent, pair->a.stream, 1, pair->a.config,
                                            pair->context, &error);
    g_assert_no_error(error);
    pair_set_func(a);
    g_atomic_int_set(&go_on, 1);
    g_thread_join(thread);
    g_assert_cmpuint(a->destroyed, ==, 1); /* the old one's */
    a->destroyed = 0;
    pair_connect(pair);
    pair_free(pair);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ice-loops/posted-in-nested-loop", test_posted_in_nested_loop);
    g_test_add_func("/ice-loops/component-changes-hands", test_component_changes_hands);
    return g_test_run();
}
