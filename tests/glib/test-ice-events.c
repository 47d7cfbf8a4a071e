/* SPDX-License-Identifier: BSD-3-Clause */

/* Holds: the event function of a SluiceIceTransport is told all events in order, in the context, each state before its
 * notify; it may take itself out, and what it was given is freed once. */

#include "ice-pair.h"

typedef struct {
    guint flights, alerts, generations, destroyed;
    GString *states;
} Told;

static void on_told_destroyed(gpointer user_data) { ((Told *)user_data)->destroyed++; }

/* Each state before its notify; once connected it takes itself out, and is told nothing of the end. */
static void on_event(SluiceIceTransport *transport, const SluiceEvent *event, gpointer user_data)
{
    Told *told = user_data;

    g_assert_true(g_main_context_is_owner(sluice_ice_transport_get_main_context(transport)));
    told->flights += event->type == SLUICE_EVENT_FLIGHT;
    told->alerts += event->type == SLUICE_EVENT_ALERT;
    told->generations += event->type == SLUICE_EVENT_GENERATION;
    if (event->type != SLUICE_EVENT_STATE)
        return;
    g_assert_cmpint(sluice_ice_transport_get_state(transport), !=, event->u.state);
    g_string_append_printf(told->states, "%s ", sluice_state_name(event->u.state));
    if (event->u.state == SLUICE_STATE_CONNECTED) {
        sluice_ice_transport_set_event_func(transport, NULL, NULL, NULL);
        g_assert_cmpuint(told->destroyed, ==, 0); /* it still runs */
    }
}

static void test_events(void)
{
    Pair *pair = pair_new(1, NULL, NULL);
    End *a = &pair->a.end[0], *b = &pair->b.end[0];
    Told told = {.states = g_string_new(NULL)}, other = told;

    CALL(pair,
         sluice_ice_transport_set_event_func(a->transport, on_event, &other, on_told_destroyed));
    CALL(pair,
         sluice_ice_transport_set_event_func(a->transport, on_event, &told, on_told_destroyed));
    g_assert_cmpuint(other.destroyed, ==, 1);
    pair_start(pair, a, SLUICE_ROLE_CLIENT);
    pair_start(pair, b, SLUICE_ROLE_SERVER);
    pair_signal_all(pair);
    g_assert_true(pair_run_until(pair, pair_connected, pair));
    g_assert_cmpuint(told.flights, >=, 4);
    g_assert_cmpuint(told.generations, ==, 1);
    g_assert_cmpuint(told.destroyed, ==, 1);
    g_assert_true(g_str_has_suffix(told.states->str, "connected "));
    CALL(pair, sluice_ice_transport_close(a->transport));
    pair_run_for(pair, 100);
    g_assert_cmpuint(told.alerts, ==, 0);
    g_string_free(told.states, TRUE);
    pair_free(pair);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ice-transport/events", test_events);
    return g_test_run();
}
